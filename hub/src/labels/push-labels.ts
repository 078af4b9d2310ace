// Sends labels that became known late to the device that made the predictions, in commands of a size that the wire takes.
// Never joins them: the device does.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { LabelsRequest } from '@drover/wire/http/monitoring';
import { LABELS_PER_CMD, PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Cmd, Label } from '@drover/wire/messages';
import { commitWithAudit } from '../db/audit.ts';
import { readDevice } from '../db/devices.ts';
import type { Store } from '../db/store.ts';

export interface PushDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly sendCmd: (device: string, body: Cmd['body'], ttlMs: number) => Promise<Result<string>>;
}

export interface Pushed {
  readonly labels: number;
  /** Ids of the commands that carry them. */
  readonly commands: readonly string[];
}

/** A device that is away for longer has dropped the predictions that they belong to. */
const TTL_MS = 7 * 24 * 3600_000;
/** Room for the envelope and the fields around each label. */
const BYTES_PER_CMD = PAYLOAD_BYTES.cmd / 2;

const sizeOf = ({ predictionId, truth }: Label): number =>
  predictionId.length * 3 + (typeof truth === 'string' ? truth.length * 3 : 9) + 16;

/** In their order, as many to a command as fit. */
export function splitLabels(labels: readonly Label[]): Label[][] {
  const parts: Label[][] = [];
  let part: Label[] = [];
  let bytes = 0;
  for (const label of labels) {
    const size = sizeOf(label);
    if (part.length > 0 && (part.length >= LABELS_PER_CMD || bytes + size > BYTES_PER_CMD)) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(label);
    bytes += size;
  }
  return part.length > 0 ? [...parts, part] : parts;
}

/** Refuses with the first command that is not taken, and says how many labels were. */
export async function pushLabels(deps: PushDeps, request: LabelsRequest, actor: string): Promise<Result<Pushed>> {
  const { device, labels } = request;
  if ((await readDevice(deps.store, device)) === undefined) return refuse('device_unknown', `"${device}".`);
  const commands: string[] = [];
  let done = 0;
  /** The labels themselves are data of the device: the log says how many, by whom and in which commands. */
  const tell = async (): Promise<void> => {
    if (done === 0) return;
    const detail = { before: null, after: { labels: done, commands } };
    await commitWithAudit(deps.store, [], { at: deps.now(), actor, action: 'labels.push', subject: device, detail });
  };
  for (const part of splitLabels(labels)) {
    const sent = await deps.sendCmd(device, { kind: 'pushLabels', labels: part }, TTL_MS);
    if (!sent.ok) {
      await tell();
      return describeStop(sent, done, labels.length);
    }
    commands.push(sent.value);
    done += part.length;
  }
  await tell();
  return accept({ labels: done, commands });
}

const describeStop = ({ code, detail }: Refusal, done: number, all: number): Refusal =>
  refuse(code, `${detail} ${done} of ${all} labels were taken; send the others again.`);
