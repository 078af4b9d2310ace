// Owns which agent this is and when it was released. Never changes at run time.

export const AGENT_VERSION = '0.1.0';
/** No correct clock is earlier than the release; raised with each one. Ms since epoch. */
export const BUILT_AT = Date.UTC(2026, 0, 1);
