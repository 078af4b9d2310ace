// Owns how the shadow of a slot is called and where it is. A shadow is a slot whose model sees the inputs of another one and
// never answers; what is done with slots (deploy, report, keep) is done with it alike. Never runs a model.
import { isName } from './ids.ts';

const SUFFIX = '.shadow';

export const isShadow = (slot: string): boolean => slot.endsWith(SUFFIX) && slot.length > SUFFIX.length;

/** The shadow of a slot that answers. */
export const shadowOf = (slot: string): string => `${slot}${SUFFIX}`;

/** The slot that answers: of a shadow the one beside it, of any other slot itself. */
export const slotBeside = (slot: string): string => (isShadow(slot) ? slot.slice(0, -SUFFIX.length) : slot);

/** Whether the slot can have a shadow: the name of one is a name too. */
export const hasShadow = (slot: string): boolean => !isShadow(slot) && isName(shadowOf(slot));

/** What hello says of an agent that runs shadows. */
export const SHADOW_FEATURE = 'shadow/1';

/** What one window of a shadow saw beside the model that answered. */
export interface Agreement {
  /** Rows that both answered. */
  readonly compared: number;
  /** Of these, those with the same class; of numbers, those that are within a twentieth of the larger one. */
  readonly agreed: number;
  /** Rows that the shadow did not see, because it has a share of the time of the device and no more. */
  readonly skipped: number;
  /** Sum of distances: of the probability that each gives to the class that was answered; of numbers, |a − b|. */
  readonly gap: number;
}

/** Numbers that differ by less than this share of the larger one agree. */
const NEAR = 0.05;

export const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= NEAR * Math.max(Math.abs(a), Math.abs(b));
