// Owns the open window of each stream (slot x role x manifest): when it closes and what it then says, within the bytes of the day.
// Never predicts.

import { randomBytes } from 'node:crypto';
import type { SipKey } from '@drover/sketch/siphash';
import { type WindowDetail, type WindowReference, WindowSketch } from '@drover/sketch/window-sketch';
import type { ClosedBy, SlotRole, WindowId } from '@drover/wire/messages';
import type { Clock } from '../clock.ts';
import { DAY_MS, type DayBudget } from '../store/day-budget.ts';
import type { Outbox } from '../store/outbox.ts';
import { AgreementCounts } from './agreement-counts.ts';
import { boundaryAfter, chooseDetail, DETAILS, type Detail, type WindowCost } from './detail.ts';

export interface WindowPolicy {
  readonly windowMs: number;
  /** Windows start at whole multiples of `windowMs` from here. */
  readonly windowEpochAt: number;
}

export const DEFAULT_WINDOWS: WindowPolicy = { windowMs: 900_000, windowEpochAt: 0 };
/** A window with this many rows is closed early. */
export const WINDOW_ROWS = 65_536;

const FULL = DETAILS[0] as Detail;
const LAST = DETAILS.at(-1) as Detail;
const DETAIL_WORDS: Readonly<Record<WindowDetail, string>> = {
  full: 'Windows are as they should be',
  plain: 'Windows do not say how features lie together',
  lean: 'Windows say nothing of features',
};

function drawKey(): SipKey {
  const bytes = randomBytes(16);
  return [bytes.readInt32LE(0), bytes.readInt32LE(4), bytes.readInt32LE(8), bytes.readInt32LE(12)];
}

/** The first boundary after `now`. */
export const nextBoundary = ({ windowMs, windowEpochAt }: WindowPolicy, now: number, detail: Detail = FULL): number =>
  boundaryAfter(windowMs, windowEpochAt, detail, now);

/** Of the entry around the statistics, and of its part of a message. */
const AROUND_BYTES = 256;

/** One stream: what is counted goes to `sketch`; `id` is the identity of the window that is open now. */
export interface Stream {
  readonly sketch: WindowSketch;
  readonly slot: string;
  readonly role: SlotRole;
  readonly manifest: string;
  id: WindowId;
  errors: number;
  /** Of a shadow: how far it agrees with the model that answers. */
  readonly agreement: AgreementCounts | undefined;
  firstMono: number;
  /** Notes one prediction at monotonic time `mono`; closes the window when it is full. */
  noteRow(mono: number): void;
  close(closedBy: ClosedBy): void;
  /** Sends the window and takes the stream out of the book. */
  end(closedBy: ClosedBy): void;
  /** Closes the window if its time is over. */
  tick(): void;
}

export interface WindowBook {
  open(slot: string, role: SlotRole, manifest: string, reference: WindowReference | undefined): Stream;
  setPolicy(policy: WindowPolicy): void;
  /** Closes what is due. */
  tick(): void;
  /** When `tick` has something to do next, ms since epoch. */
  dueAt(): number;
}

export interface WindowDeps {
  readonly clock: Clock;
  readonly bootId: string;
  readonly outbox: Pick<Outbox, 'append'>;
  readonly policy: WindowPolicy;
  /**
   * Smallest and largest value of a window are rounded outwards: none of them is one that was read. Unknown categories are hashed with a
   * key that this process alone knows.
   */
  readonly isBlurred?: boolean;
  /** What windows may cost in a day; undefined: what they cost. */
  readonly budget?: DayBudget | undefined;
}

export function openWindowBook(deps: WindowDeps): WindowBook {
  const { clock, bootId, outbox, budget } = deps;
  let policy = deps.policy;
  /** By stream: what its last window cost, or would have with more or less detail. */
  const costs = new Map<Stream, WindowCost>();
  let level = 0;
  /** The day of which it was said that detail goes, and how far. */
  let said = { day: 0, level: 0 };
  const detail = (): Detail => DETAILS[level] ?? FULL;

  /** Measures what the window would cost, and decides the detail of those that follow. */
  function plan(now: number): void {
    if (!budget) return;
    level = chooseDetail([...costs.values()], budget.left(now), policy.windowMs, now);
    const day = Math.floor(now / DAY_MS);
    if (level === 0 || (said.day === day && said.level >= level)) return;
    said = { day, level };
    const { windows, lengths } = detail();
    const message = `${DETAIL_WORDS[windows]}; windows are ${Number.isFinite(lengths) ? `${lengths} times as long` : 'sent once a day'}.`;
    outbox.append({ subject: '', at: now, body: { kind: 'log', level: 40, code: 'telemetry_reduced', message } });
  }
  const secret = deps.isBlurred ? drawKey() : undefined;
  const streams = new Set<Stream>();
  /** Numbers go on when a manifest comes back in the same boot: a window's identity is used once. */
  const numbers = new Map<string, number>();

  function open(slot: string, role: SlotRole, manifest: string, reference: WindowReference | undefined): Stream {
    const key = `${slot} ${role} ${manifest}`;
    const sketch = new WindowSketch(reference, secret);
    let endAt = 0;
    let endMono = 0;
    let lastMono = 0;

    const allocate = (): number => {
      const number = (numbers.get(key) ?? -1) + 1;
      numbers.set(key, number);
      return number;
    };
    /** @param startAt the boundary when the window before ended there, else now. */
    const begin = (number: number, now: number, startAt: number): WindowId => {
      endAt = nextBoundary(policy, now, detail());
      endMono = clock.mono() + (endAt - now);
      lastMono = clock.mono();
      return { slot, role, manifest, bootId, number, startAt };
    };
    const now = clock.now();

    /** Sends what the open window counted. An empty one says nothing that presence does not: false, and nothing is sent. */
    function send(closedBy: ClosedBy): boolean {
      if (sketch.rowCount === 0 && stream.errors === 0) return false;
      const at = clock.now();
      // A clock that was set meanwhile must not stretch the window: its length is the monotonic one.
      if (deps.isBlurred) sketch.blurExtremes();
      const length = Math.max(0, Math.floor(clock.mono() - stream.firstMono));
      const body = {
        kind: 'window' as const,
        ...stream.id,
        revision: 0,
        endAt: closedBy === 'boundary' ? endAt : stream.id.startAt + length,
        firstMono: Math.floor(stream.firstMono),
        lastMono: Math.floor(lastMono),
        rows: sketch.rowCount,
        errors: stream.errors,
        closedBy,
        ...(stream.agreement && { agreement: stream.agreement.drain() }),
        stats: sketch.encode(detail().windows),
      };
      // Counted before it is queued: what a crash loses was paid for, and never the other way round.
      budget?.spend(at, body.stats.length + AROUND_BYTES);
      stream.errors = 0;
      sketch.reset();
      outbox.append({ subject: '', at, body });
      return true;
    }

    /** Whether what is open must wait: it would cost more than is left of the day. */
    function mustWait(): boolean {
      if (!budget || (sketch.rowCount === 0 && stream.errors === 0)) return false;
      const cost = (as: WindowDetail): number => sketch.encode(as).length + AROUND_BYTES;
      const full = cost('full');
      costs.set(stream, { full, plain: cost('plain'), lean: cost('lean') });
      const now = clock.now();
      plan(now);
      return (costs.get(stream)?.[detail().windows] ?? full) > budget.left(now);
    }

    const stream: Stream = {
      sketch,
      slot,
      role,
      manifest,
      id: begin(allocate(), now, now),
      errors: 0,
      agreement: role === 'shadow' ? new AgreementCounts() : undefined,
      firstMono: clock.mono(),
      noteRow(mono) {
        lastMono = mono;
        if (mono >= endMono) stream.close('boundary');
        else if (sketch.rowCount >= WINDOW_ROWS * detail().lengths) stream.close('count');
      },
      close(closedBy) {
        if ((closedBy === 'boundary' || closedBy === 'count') && mustWait()) {
          // It goes on, and what it counts is not lost: the next day has bytes again.
          const now = clock.now();
          endAt = nextBoundary(policy, now, LAST);
          endMono = clock.mono() + (endAt - now);
          return;
        }
        const number = send(closedBy) ? allocate() : stream.id.number;
        const closedAt = clock.now();
        const lastBoundary = nextBoundary(policy, closedAt) - policy.windowMs;
        const ended = endAt <= closedAt ? Math.max(endAt, lastBoundary) : lastBoundary;
        const startAt = closedBy === 'boundary' ? ended : closedAt;
        stream.id = begin(number, closedAt, startAt);
        stream.firstMono = clock.mono();
      },
      end(closedBy) {
        // A number that was never used goes back, so that a hole in the numbers always means loss.
        if (!send(closedBy) && numbers.get(key) === stream.id.number) numbers.set(key, stream.id.number - 1);
        streams.delete(stream);
        costs.delete(stream);
      },
      tick() {
        // The monotonic end closes it although the system clock was set back.
        if (clock.now() >= endAt || clock.mono() >= endMono) stream.close('boundary');
      },
    };
    streams.add(stream);
    return stream;
  }

  return {
    open,
    setPolicy(next) {
      if (next.windowMs === policy.windowMs && next.windowEpochAt === policy.windowEpochAt) return;
      policy = next;
      for (const stream of streams) stream.close('version');
    },
    tick() {
      for (const stream of streams) stream.tick();
    },
    // A short boundary is a boundary of every longer one.
    dueAt: () => nextBoundary(policy, clock.now()),
  };
}
