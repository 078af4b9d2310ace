// Decides how what people say of incidents changes how long such alerts must hold. Bounded; never silences one for good.

export const MOST_FACTOR = 16;
/** A rule without a hold cannot be multiplied: noise gives it one. */
const LEAST_TUNED_SECONDS = 450;

/** `noise` doubles the hold of such alerts, `real` halves it again, down to what the rule says. */
export const tune = (factor: number, said: 'real' | 'noise'): number =>
  said === 'noise' ? Math.min(MOST_FACTOR, factor * 2) : Math.max(1, factor / 2);

/** How long such an alert must hold by now, seconds. */
export const tunedHold = (holdSeconds: number, factor: number): number =>
  factor <= 1 ? holdSeconds : Math.max(holdSeconds, LEAST_TUNED_SECONDS) * factor;
