// Canary: one export in use, one dead.
export const used = (): number => 1;
export const unused = (): number => 2;
