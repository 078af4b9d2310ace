// Plans what each arrived message writes: reads it, finds where its outbox stands, makes the statements. Never commits.
import { type ReasonCode, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { Entry, Hello, MessageOf, SlotReport, State, Up } from '@drover/wire/messages';
import { readMessage } from '@drover/wire/read';
import type { UpKind } from '@drover/wire/topics';
import { touchDevice } from '../db/devices.ts';
import type { Statement, Store } from '../db/store.ts';
import { readOutbox } from '../db/uplink.ts';
import type { Arrival } from './arrivals.ts';
import { planUp, type UpPlan } from './plan-up.ts';
import { writeGone, writeHello, writeState } from './store-report.ts';
import { type Doubt, readEntryOf, writeUp } from './store-up.ts';

/** One message on its way into the database. */
export interface Unit {
  readonly arrival: Arrival;
  readonly statements: readonly Statement[];
  readonly doubts: readonly Doubt[];
  readonly up?: {
    readonly message: Up;
    readonly plan: UpPlan;
    readonly windows: number;
    readonly predictions: number;
  };
  readonly hello?: Hello;
  readonly state?: State;
  /** Something that a rollout decision rests on is in it. */
  readonly isReport: boolean;
}

/** What is committed of an outbox. */
export interface Position {
  readonly outboxId: string;
  readonly lastSeq: number;
  readonly isNew: boolean;
}

export interface Planner {
  /** Units in the order of arrival; a message that cannot be read has none. */
  plan(batch: readonly Arrival[]): Promise<Unit[]>;
  /** One item of an uplink message, or, with `isRefused`, its place in quarantine. */
  planItem(arrival: Arrival, up: Up, item: Up['items'][number], isRefused: boolean): Promise<Unit | undefined>;
  position(device: string): Position | undefined;
  committed(device: string, position: Position): void;
  /** Forgets what it believes about a device, or about all: the database is read again. */
  forget(device?: string): void;
}

const TOUCH_MS = 30_000;
/** Devices whose outbox position is remembered. */
const POSITIONS = 50_000;

type Message = { readonly [K in keyof MessageOf]: { readonly kind: K; readonly message: MessageOf[K] } }[Exclude<
  UpKind,
  'req' | 'meta'
>];
type Reader = (body: Uint8Array) => Result<Entry>;

const unstorable: Reader = () => refuse('entry_unstorable', 'The hub could not store it.');

/** Manifests whose artifacts are whole on the device. */
const heldManifests = (slots: readonly SlotReport[]): ReadonlySet<string> =>
  new Set(slots.flatMap(({ running, previous }) => [running, previous].filter((digest) => digest !== undefined)));

export function makePlanner(store: Store, refused: (refusal: Refusal, device: string) => void): Planner {
  /** What is committed, by device; the newest outbox only. */
  const positions = new Map<string, Position>();

  function refuseMessage(arrival: Arrival, code: ReasonCode, detail: string): undefined {
    refused({ ok: false, code, detail }, arrival.session.device);
    return undefined;
  }

  async function loadPosition(device: string, outboxId: string): Promise<Position> {
    const held = positions.get(device);
    if (held?.outboxId === outboxId) return held;
    const row = await readOutbox(store, device, outboxId);
    const position = { outboxId, lastSeq: row?.lastSeq ?? 0, isNew: !row };
    remember(device, position);
    return position;
  }

  function remember(device: string, position: Position): void {
    positions.delete(device);
    if (positions.size >= POSITIONS) positions.delete(positions.keys().next().value ?? '');
    positions.set(device, position);
  }

  function planUpUnit(arrival: Arrival, up: Up, position: Position, reader?: Reader): Unit | undefined {
    const { session, receivedAt } = arrival;
    const { device } = session;
    const plan = planUp(position.lastSeq, up, reader ?? ((body) => readEntryOf(device, body)));
    if (!plan)
      return refuseMessage(arrival, 'wire_field_invalid', `It says that everything before ${up.oldestSeq} is gone.`);
    const { statements, doubts, windows, predictions, hasDeployments } = writeUp(
      device,
      up.outboxId,
      position.isNew,
      plan,
      receivedAt,
    );
    if (receivedAt - session.touchedAt > TOUCH_MS) {
      session.touchedAt = receivedAt;
      statements.push(touchDevice(device, receivedAt));
    }
    return { arrival, statements, doubts, up: { message: up, plan, windows, predictions }, isReport: hasDeployments };
  }

  function planHello(arrival: Arrival, hello: Hello): Unit {
    const { session, receivedAt } = arrival;
    session.sessionId = hello.sessionId;
    session.bootId = hello.bootId;
    session.outboxId = hello.outboxId;
    session.features = new Set(hello.features);
    session.reportedGeneration = hello.generation;
    session.cacheUrl = hello.cacheUrl;
    session.manifests = heldManifests(hello.slots);
    session.stateRevision = -1;
    session.touchedAt = receivedAt;
    return { arrival, statements: writeHello(session.device, hello, receivedAt), doubts: [], hello, isReport: true };
  }

  function planState(arrival: Arrival, state: State): Unit | undefined {
    const { session, receivedAt } = arrival;
    if (session.bootId !== state.bootId) {
      return refuseMessage(arrival, 'wire_field_invalid', 'The state is of another boot than the hello.');
    }
    if (state.revision <= session.stateRevision) return undefined;
    session.stateRevision = state.revision;
    session.reportedGeneration = state.generation;
    session.manifests = heldManifests(state.slots);
    session.touchedAt = receivedAt;
    return { arrival, statements: writeState(session.device, state, receivedAt), doubts: [], state, isReport: true };
  }

  function read(arrival: Arrival): Message | undefined {
    const { kind, payload } = arrival;
    if (kind === 'ended') return undefined;
    const arrived = readMessage(kind, payload);
    if (!arrived.ok) return refuseMessage(arrival, arrived.code, arrived.detail);
    // The kind and its message belong together by the type of `readMessage`, which the compiler cannot follow over a union.
    return { kind, message: arrived.value.message } as Message;
  }

  function planGone(arrival: Arrival, sessionId: string | undefined): Unit | undefined {
    if (sessionId === undefined) return undefined;
    const statements = writeGone(arrival.session.device, sessionId, arrival.receivedAt);
    return { arrival, statements, doubts: [], isReport: true };
  }

  function planUnit(arrival: Arrival, message: Message | undefined, position: Position | undefined): Unit | undefined {
    if (arrival.kind === 'ended') return planGone(arrival, arrival.session.sessionId);
    switch (message?.kind) {
      case 'hello':
        return planHello(arrival, message.message);
      case 'state':
        return planState(arrival, message.message);
      case 'up':
        if (!position) throw new Error('the position of an outbox was not loaded');
        return planUpUnit(arrival, message.message, position);
      case 'gone':
        return planGone(arrival, message.message.sessionId);
      case undefined:
        return undefined;
      default:
        return message satisfies never;
    }
  }

  return {
    position: (device) => positions.get(device),
    committed: remember,
    forget(device) {
      if (device === undefined) positions.clear();
      else positions.delete(device);
    },
    async plan(batch) {
      /** Where outboxes will stand when the units before are committed. */
      const ahead = new Map<string, Position>();
      const units: Unit[] = [];
      for (const arrival of batch) {
        const message = read(arrival);
        const { device } = arrival.session;
        const outboxId = message?.kind === 'up' || message?.kind === 'hello' ? message.message.outboxId : undefined;
        let position = ahead.get(device);
        if (outboxId !== undefined && position?.outboxId !== outboxId) position = await loadPosition(device, outboxId);
        const unit = planUnit(arrival, message, position);
        if (!unit) continue;
        units.push(unit);
        if (unit.up)
          ahead.set(device, { outboxId: unit.up.message.outboxId, lastSeq: unit.up.plan.toSeq, isNew: false });
      }
      return units;
    },
    async planItem(arrival, up, item, isRefused) {
      const position = await loadPosition(arrival.session.device, up.outboxId);
      return planUpUnit(arrival, { ...up, items: [item] }, position, isRefused ? unstorable : undefined);
    },
  };
}
