// Decides the state of one alert: a rule and what it watches. Never groups alerts, tells nobody, reads no clock.

/**
 * Nothing is kept of what is normal. `pending`: bad, not yet for long enough. `no_data`: what was bad says nothing any more; it goes on
 * where it was when it speaks again.
 */
export type AlertState = 'pending' | 'firing' | 'acknowledged' | 'no_data' | 'resolved';
/** What a state without data goes back to. */
export type HeldState = 'pending' | 'firing' | 'acknowledged';

export interface Signal {
  readonly rule: string;
  /** Names what is watched, once for each rule. */
  readonly subject: string;
  /** Subjects of one group that are bad together are one incident. */
  readonly group: string;
  readonly device: string;
  readonly state: 'bad' | 'good' | 'unknown';
  /** What is wrong with the devices of the group, and with this one. */
  readonly what: string;
  readonly summary: string;
}

/** A signal before it is known which rules watch its device. */
export type Seen = Omit<Signal, 'rule'>;

/** How long a rule waits. */
export interface Patience {
  readonly holdSeconds: number;
  readonly clearSeconds: number;
}

export interface Alert {
  readonly rule: string;
  readonly subject: string;
  readonly group: string;
  readonly device: string;
  readonly state: AlertState;
  readonly held: HeldState;
  /** When the state was entered, when it began to be bad, and since when it has been good again; ms since epoch. */
  readonly enteredAt: number;
  readonly badSince: number;
  readonly goodSince: number | null;
  readonly what: string;
  readonly summary: string;
  readonly incident: string | null;
}

const enter = (alert: Alert, state: AlertState, now: number): Alert =>
  alert.state === state ? alert : { ...alert, state, held: isHeld(state) ? state : alert.held, enteredAt: now };
const isHeld = (state: AlertState): state is HeldState =>
  state === 'pending' || state === 'firing' || state === 'acknowledged';

function begin(signal: Signal, now: number): Alert {
  const { rule, subject, group, device, what, summary } = signal;
  return {
    rule, subject, group, device, what, summary,
    state: 'pending', held: 'pending', enteredAt: now, badSince: now, goodSince: null, incident: null,
  }; // biome-ignore format: one record
}

/** The alert after a look. Undefined: normal, nothing to keep. */
export function stepAlert(
  alert: Alert | undefined,
  signal: Signal,
  { holdSeconds, clearSeconds }: Patience,
  now: number,
): Alert | undefined {
  const open = alert && alert.state !== 'resolved' ? alert : undefined;
  if (signal.state === 'unknown') return open ? enter(open, 'no_data', now) : undefined;
  if (signal.state === 'good') {
    if (!open || open.held === 'pending') return undefined;
    const goodSince = open.goodSince ?? now;
    const back = { ...enter(open, open.held, now), goodSince };
    return now - goodSince >= clearSeconds * 1000 ? enter(back, 'resolved', now) : back;
  }
  const bad = open
    ? {
        ...enter(open, open.held, now),
        goodSince: null,
        group: signal.group,
        what: signal.what,
        summary: signal.summary,
      }
    : begin(signal, now);
  const isLong = now - bad.badSince >= holdSeconds * 1000;
  return bad.state === 'pending' && isLong ? enter(bad, 'firing', now) : bad;
}

/** It is not watched any more: the rule was disabled, the device removed. */
export const endAlert = (alert: Alert, now: number): Alert | undefined =>
  alert.held === 'pending' ? undefined : enter(alert, 'resolved', now);

export const acknowledge = (alert: Alert, now: number): Alert => {
  if (alert.held !== 'firing') return alert;
  return alert.state === 'no_data' ? { ...alert, held: 'acknowledged' } : enter(alert, 'acknowledged', now);
};

/** It counts for its incident: it fires, or did before its data ended. */
export const isActive = ({ state, held }: Alert): boolean =>
  state === 'firing' || state === 'acknowledged' || (state === 'no_data' && held !== 'pending');
