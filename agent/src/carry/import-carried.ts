// Takes what a carried directory holds for this device, while no agent runs: the answer of the hub to its reports, and the
// models that it should run. Decides the order; never activates anything: the agent does that when it starts.
import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type CarrierFolder, openCarrier } from '@drover/trust/carrier/files';
import { makeClock } from '../clock.ts';
import { readIdentity } from '../identity.ts';
import { openReleaseTrust } from '../release/trust.ts';
import { listPointers } from '../snapshot.ts';
import { openBlobStore } from '../store/blobs.ts';
import { type Db, openDatabase, readSignedAt } from '../store/database.ts';
import { openDesiredStore } from '../store/desired.ts';
import { lockCarrying, lockDataDir } from '../store/exclusive.ts';
import { openOutbox } from '../store/outbox.ts';
import { openSlotStore } from '../store/slots.ts';
import { type TakenAck, takeAck } from './take-ack.ts';
import { makeSwitchedSource, type TakenModels, takeModels } from './take-models.ts';

export interface Imported {
  readonly device: string;
  /** Each stands for itself: neither is held up by what is wrong with the other. Undefined: there is none for this device. */
  readonly ack: Result<TakenAck | undefined>;
  readonly models: Result<TakenModels | undefined>;
}

export type Progress = (done: number, total: number) => void;

export async function importCarried(
  dataDir: string,
  dir: string,
  progress: Progress = () => undefined,
): Promise<Result<Imported>> {
  const who = readIdentity(dataDir);
  if (!who.ok) return who;
  const opened: { close(): void }[] = [];
  const closing = (close: () => void): void => void opened.push({ close });
  try {
    const alone = lockCarrying(dataDir);
    if (!alone.ok) return alone;
    closing(alone.value);
    const carrier = openCarrier(dir);
    if (!carrier.ok) return carrier;
    closing(carrier.value.close);
    const lock = lockDataDir(dataDir);
    if (!lock.ok) return lock;
    closing(lock.value);
    const db = openDatabase(dataDir);
    if (!db.ok) return db;
    closing(() => db.value.close());
    return await importFrom(dataDir, carrier.value, who.value, db.value, progress);
  } finally {
    for (const each of opened.toReversed()) each.close();
  }
}

type Who = Extract<ReturnType<typeof readIdentity>, { ok: true }>['value'];

async function importFrom(
  dataDir: string,
  carrier: CarrierFolder,
  { identity, legacy }: Who,
  db: Db,
  progress: Progress,
): Promise<Result<Imported>> {
  const { device, hubId } = identity;
  const clock = makeClock(undefined, undefined, readSignedAt(db));
  const metadata = makeSwitchedSource();
  let desired: ReturnType<typeof openDesiredStore> | undefined;
  const trust = openReleaseTrust({
    dataDir,
    source: metadata,
    now: clock.now,
    release: identity.release ?? 'any',
    legacy,
    onRoot(_root, keysChanged) {
      if (keysChanged) desired?.forgetSignedAt();
      desired?.recheck();
    },
  });
  if (trust.problem) return trust.problem;
  clock.seeSigned(trust.signedAt());
  const outbox = openOutbox(db, () => makeId(Math.max(0, Date.now()), randomBytes(10)));
  const ack = takeAck(carrier, { device, hubId, trust, outbox, now: clock.now() });
  desired = openDesiredStore(db, trust.verifyDesired, legacy);
  const slots = openSlotStore(dataDir);
  const models = await takeModels(carrier, {
    dataDir,
    device,
    hubId,
    trust,
    metadata,
    desired,
    blobs: openBlobStore(dataDir),
    clock,
    installed: () => listPointers(slots),
    progress,
  });
  if (ack.ok && !ack.value && models.ok && !models.value)
    return refuse('carrier_empty', `There is neither an acknowledgement nor a model for "${device}".`);
  return accept({ device, ack, models });
}
