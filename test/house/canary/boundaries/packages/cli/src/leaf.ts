// Canary: something to import.
export const here = true;
