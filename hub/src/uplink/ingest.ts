// Stores what devices send, in groups, and only then says so. Never decides a rollout and never throws on a message.
import { isReasonCode, type Refusal } from '@drover/core/reasons';
import type { Ack } from '@drover/wire/messages';
import type { UpKind } from '@drover/wire/topics';
import { trimSamples } from '../db/samples.ts';
import { type Store, StoreUnavailable } from '../db/store.ts';
import { insertLog, readWindow, readWindowLabels, trimLogs, trimQuarantine } from '../db/uplink.ts';
import { ARRIVAL_LIMITS, type Arrival, type ArrivalLimits, makeArrivals } from './arrivals.ts';
import { makePlanner, type Unit } from './ingest-plan.ts';
import { type RefusedItem, splitAck } from './plan-up.ts';
import { checkDoubt } from './store-up.ts';
import type { UplinkSession } from './uplink-session.ts';

export interface IngestDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly limits?: ArrivalLimits;
  /** Sends an acknowledgement to a connected device. Called after the commit only. */
  acknowledge(session: UplinkSession, ack: Ack): void;
  /** A hello is stored: the session is open. */
  helloStored(session: UplinkSession): void;
  /** Something that a rollout decision rests on is stored. */
  reported(device: string): void;
  /** Bad input, or two claims that cannot both be true. */
  refused(refusal: Refusal, device: string): void;
  /** The database did not take what came. It is tried again when it is only out of reach. */
  failed(error: unknown): void;
  waitMs(ms: number): Promise<void>;
}

export interface IngestCounts {
  messages: number;
  /** Payload bytes of all messages, repeats included. */
  bytes: number;
  entries: number;
  windows: number;
  predictions: number;
  refusedEntries: number;
  lostEntries: number;
  repeatedEntries: number;
  refusedMessages: number;
  commits: number;
}

export interface Ingest {
  /** Takes one message; `done` lets the connection go on and is held back while too much waits. */
  receive(session: UplinkSession, kind: Exclude<UpKind, 'req' | 'meta'>, payload: Uint8Array, done: () => void): void;
  /** The connection is over, with or without a word. */
  ended(session: UplinkSession): void;
  counts(): Readonly<IngestCounts>;
  /** False while the database does not take what comes. */
  isHealthy(): boolean;
  settle(): Promise<void>;
  close(): Promise<void>;
}

const RETRY_MS = 1_000;
/** Rows kept in the bounded tables, and how many may come before they are trimmed again. */
const KEPT_ROWS = 50_000;
const KEPT_SAMPLES = 100_000;
const TRIM_EVERY = 2_000;
/** From this share of a full queue on devices are asked to slow down. */
const PACE_FROM = 0.25;
const MAX_PACE_MS = 2_000;

const NO_BYTES = new Uint8Array(0);

export function makeIngest(deps: IngestDeps): Ingest {
  const { store, now } = deps;
  const counts: IngestCounts = {
    messages: 0,
    bytes: 0,
    entries: 0,
    windows: 0,
    predictions: 0,
    refusedEntries: 0,
    lostEntries: 0,
    repeatedEntries: 0,
    refusedMessages: 0,
    commits: 0,
  };
  let isHealthy = true;
  let isClosed = false;
  let sinceTrim = 0;
  const planner = makePlanner(store, (refusal, device) => {
    counts.refusedMessages++;
    deps.refused(refusal, device);
  });

  const pace = (): number => {
    const over = (arrivals.fill() - PACE_FROM) / (1 - PACE_FROM);
    return over <= 0 ? 0 : Math.min(MAX_PACE_MS, Math.ceil(over * MAX_PACE_MS));
  };

  interface OpenAck {
    readonly outboxId: string;
    lastSeq: number;
    readonly refused: RefusedItem[];
  }

  const tell = (session: UplinkSession, ack: Ack): void =>
    session.onAck ? session.onAck(ack) : deps.acknowledge(session, ack);

  function sendAcks(session: UplinkSession, { outboxId, lastSeq, refused }: OpenAck): void {
    for (const ack of splitAck(outboxId, lastSeq, refused, pace())) tell(session, ack);
  }

  function finishUp({ arrival, up }: Unit, acks: Map<UplinkSession, OpenAck>): void {
    if (!up) return;
    const { plan, message, windows, predictions } = up;
    const { session } = arrival;
    const { outboxId } = message;
    planner.committed(session.device, { outboxId, lastSeq: plan.toSeq, isNew: false });
    counts.entries += plan.taken.length;
    counts.windows += windows;
    counts.predictions += predictions;
    counts.refusedEntries += plan.refused.length;
    counts.lostEntries += plan.lost;
    counts.repeatedEntries += plan.repeated;
    for (const { code, detail } of plan.refused) {
      if (isReasonCode(code)) deps.refused({ ok: false, code, detail }, session.device);
    }
    const held = acks.get(session);
    if (held?.outboxId === outboxId) {
      held.lastSeq = plan.toSeq;
      held.refused.push(...plan.refused);
      return;
    }
    if (held) sendAcks(session, held);
    acks.set(session, { outboxId, lastSeq: plan.toSeq, refused: [...plan.refused] });
  }

  /** A device that refuses its wish (a conflict of generations, a signature) is something a person must see: once. */
  function finishState({ arrival: { session }, state }: Unit): void {
    if (!state) return;
    const { code, detail = '' } = state.desiredRefusal ?? {};
    if (code !== undefined && code !== session.desiredCode && isReasonCode(code)) {
      deps.refused({ ok: false, code, detail }, session.device);
    }
    session.desiredCode = code;
  }

  /** Everything that may be said now that the units are on the disk. */
  async function finish(units: readonly Unit[], changes: readonly number[]): Promise<void> {
    counts.commits++;
    const acks = new Map<UplinkSession, OpenAck>();
    const reported = new Set<string>();
    for (const unit of units) {
      finishUp(unit, acks);
      finishState(unit);
      const { session } = unit.arrival;
      if (unit.hello) {
        // What is committed already need not be sent again.
        const { outboxId } = unit.hello;
        const position = planner.position(session.device);
        const lastSeq = position?.outboxId === outboxId ? position.lastSeq : 0;
        tell(session, { outboxId, lastSeq, refused: [], paceMs: pace() });
        deps.helloStored(session);
      }
      if (unit.isReport) reported.add(session.device);
    }
    for (const [session, ack] of acks) sendAcks(session, ack);
    for (const device of reported) deps.reported(device);
    await checkDoubts(units, changes);
  }

  async function checkDoubts(units: readonly Unit[], changes: readonly number[]): Promise<void> {
    let base = 0;
    for (const { arrival, doubts, statements } of units) {
      for (const doubt of doubts) {
        if (changes[base + doubt.at] !== 0) continue;
        const stored = await (doubt.kind === 'window'
          ? readWindow(store, doubt.row)
          : readWindowLabels(store, doubt.row));
        const checked = checkDoubt(doubt, stored);
        if (checked.ok) continue;
        const { device } = arrival.session;
        const { code, detail } = checked;
        deps.refused(checked, device);
        await store.commit([insertLog({ device, at: now(), level: 50, code, message: detail, receivedAt: now() })]);
      }
      base += statements.length;
    }
  }

  /** The result, or undefined when the statements are a defect of ours: not a broken disk and not a lost race. */
  async function commitUnits(units: readonly Unit[]): Promise<boolean> {
    const statements = units.flatMap((unit) => unit.statements);
    sinceTrim += statements.length;
    if (sinceTrim > TRIM_EVERY) {
      sinceTrim = 0;
      statements.push(trimLogs(KEPT_ROWS), trimQuarantine(KEPT_ROWS), trimSamples(KEPT_SAMPLES));
    }
    try {
      const done = await store.commit(statements);
      if (done.ok) await finish(units, done.changes);
      return done.ok;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      deps.failed(error);
      return false;
    }
  }

  /** One item after the other, so that the one that cannot be stored goes to quarantine and the others do not. */
  async function storeItems({ arrival, up }: Unit): Promise<void> {
    if (!up) return;
    for (const item of up.message.items) {
      for (const isRefused of [false, true]) {
        planner.forget(arrival.session.device);
        const unit = await planner.planItem(arrival, up.message, item, isRefused);
        if (!unit || (await commitUnits([unit]))) break;
      }
    }
  }

  /** Stores one batch; when that fails, each message on its own: one never spoils another. */
  async function storeBatch(batch: readonly Arrival[]): Promise<void> {
    const units = await planner.plan(batch);
    if (units.length === 0 || (await commitUnits(units))) return;
    for (const { arrival } of units) planner.forget(arrival.session.device);
    const [first] = units;
    if (units.length === 1 && first) {
      if (first.up) await storeItems(first);
      else counts.refusedMessages++;
      return;
    }
    for (const { arrival } of units) {
      // It was planned once already, and a state is planned once only.
      if (arrival.kind === 'state') arrival.session.stateRevision = -1;
      await storeBatch([arrival]);
    }
  }

  async function commitBatch(batch: readonly Arrival[]): Promise<void> {
    counts.messages += batch.length;
    for (;;) {
      try {
        await storeBatch(batch);
        isHealthy = true;
        return;
      } catch (error) {
        // A full or broken disk: nothing was acknowledged, the devices keep everything, and this batch is tried again.
        isHealthy = false;
        planner.forget();
        for (const { session } of batch) session.stateRevision = -1;
        deps.failed(error);
        if (isClosed) return;
        await deps.waitMs(RETRY_MS);
      }
    }
  }

  const arrivals = makeArrivals(deps.limits ?? ARRIVAL_LIMITS, commitBatch);

  return {
    counts: () => counts,
    isHealthy: () => isHealthy,
    settle: () => arrivals.settle(),
    async close() {
      isClosed = true;
      await arrivals.close();
    },
    receive(session, kind, payload, done) {
      counts.bytes += payload.length;
      arrivals.add({ session, kind, payload, receivedAt: now() }, done);
    },
    ended(session) {
      arrivals.add({ session, kind: 'ended', payload: NO_BYTES, receivedAt: now() }, () => undefined);
    },
  };
}
