// Canary: the pure tsconfig must report that there is no `process` (TS2580 or TS2591).
export const whoAmI = (): number => process.pid;
