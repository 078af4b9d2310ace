// Canary: a file that nobody imports.
export const forgotten = 1;
