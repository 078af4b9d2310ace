// Takes the acknowledgement that was carried back from the hub and forgets what it covers. Decides whether it is for this
// device and this outbox; never believes one beyond what the outbox ever held.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type CarrierFolder, readCarried } from '@drover/trust/carrier/files';
import { CARRIED_PAYLOAD_TYPES, parseReportAck } from '@drover/trust/carrier/report';
import type { VerifyByDirector } from '@drover/trust/trusted-set';
import { ackFileName, CARRIER } from '@drover/wire/carrier';
import { SIGNED_PAYLOAD_BYTES } from '@drover/wire/limits';
import { readSignedEnvelope } from '@drover/wire/read';
import type { Outbox } from '../store/outbox.ts';

export interface TakenAck {
  readonly lastSeq: number;
  /** Entries that the outbox could forget now, and those that it still holds. */
  readonly freed: number;
  readonly left: number;
  readonly refused: number;
}

const ENVELOPE_BYTES = SIGNED_PAYLOAD_BYTES + 4096;

export interface AckDeps {
  readonly device: string;
  readonly hubId: string;
  readonly trust: { readonly verifyByDirector: VerifyByDirector };
  readonly outbox: Outbox;
  readonly now: number;
}

/** Undefined when the directory holds none for this device. */
export function takeAck(carrier: CarrierFolder, deps: AckDeps): Result<TakenAck | undefined> {
  const folder = carrier.folder(CARRIER.acks);
  if (!folder.ok || !folder.value) return folder.ok ? accept(undefined) : folder;
  const bytes = readCarried(folder.value, ackFileName(deps.device), ENVELOPE_BYTES);
  folder.value.close();
  if (!bytes.ok || !bytes.value) return bytes.ok ? accept(undefined) : bytes;
  return believeAck(bytes.value, deps);
}

function believeAck(bytes: Uint8Array, { device, hubId, trust, outbox, now }: AckDeps): Result<TakenAck> {
  const envelope = readSignedEnvelope(bytes);
  if (!envelope.ok) return envelope;
  const believed = trust.verifyByDirector(envelope.value, CARRIED_PAYLOAD_TYPES.ack, parseReportAck);
  if (!believed.ok) return believed;
  const ack = believed.value.document;
  const before = outbox.counts();
  if (ack.device !== device) return refuse('ack_foreign', `It names device "${ack.device}" and this is "${device}".`);
  if (ack.hubId !== hubId) return refuse('ack_foreign', 'It is of another hub.');
  if (ack.outboxId !== before.outboxId) return refuse('ack_foreign', 'It is of another installation of this device.');
  if (!outbox.acknowledge(ack, before.nextSeq - 1, now))
    return refuse(
      'ack_foreign',
      `It covers entries up to ${ack.lastSeq}; this outbox only gave ${before.nextSeq - 1}.`,
    );
  const after = outbox.counts();
  const { lastSeq, refused } = ack;
  return accept({ lastSeq, freed: before.entries - after.entries, left: after.entries, refused: refused.length });
}
