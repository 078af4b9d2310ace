// Owns what a detector says of one value. Never decides when to say it.

/** `warning`: the stream may be about to move. `drift`: it has moved, and the detector begins anew. */
export type Finding = 'none' | 'warning' | 'drift';
