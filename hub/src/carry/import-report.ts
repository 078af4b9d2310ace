// Takes one carried report into the database, on the way that MQTT goes, and answers with a signed acknowledgement. Counts
// nothing twice and never sets the state of a device back. Whatever is refused changes nothing.
import { decideReport, isNewestState } from '@drover/core/carried';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { DeviceProofCheck } from '@drover/trust/carrier/proof';
import {
  ACK_REFUSED,
  CARRIED_PAYLOAD_TYPES,
  encodeCarried,
  parseReportIndex,
  type ReportAck,
  type ReportIndex,
} from '@drover/trust/carrier/report';
import { digestOf, type Signer, signPayload } from '@drover/trust/dsse';
import type { Ack, SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import { commitWithAudit } from '../db/audit.ts';
import {
  listRefused,
  readCarriedReport,
  storeCarriedReport,
  storeCarriedState,
  trimCarriedReports,
} from '../db/carried.ts';
import { type DeviceRow, readDevice } from '../db/devices.ts';
import type { Statement, Store } from '../db/store.ts';
import { type OutboxRow, readOutbox } from '../db/uplink.ts';
import type { Ingest } from '../uplink/ingest.ts';
import { writeCapabilities, writeSlots } from '../uplink/store-report.ts';
import { freshSession, type UplinkSession } from '../uplink/uplink-session.ts';
import { type ReportFacts, readReport } from './read-report.ts';
import { type SpooledReport, spoolReport } from './spool.ts';

export interface CarryDeps {
  readonly store: Store;
  readonly ingest: Pick<Ingest, 'receive'>;
  readonly director: Signer;
  readonly hubId: string;
  /** Where reports lie until all of one was seen. */
  readonly spool: string;
  readonly now: () => number;
  readonly newId: () => string;
  /** How a device proves what it wrote. */
  readonly proofOf: (device: DeviceRow) => Promise<Result<DeviceProofCheck>>;
  /** Something that a rollout decision rests on is stored. */
  readonly onReported: (device: string) => void;
  readonly waitMs: (ms: number) => Promise<void>;
}

export interface ImportedReport {
  readonly device: string;
  readonly number: number;
  /** What is new in the database; the rest was there before. */
  readonly entries: number;
  readonly repeated: number;
  readonly lost: number;
  readonly refused: number;
  readonly lastSeq: number;
  /** The report said how the device stands; false when the hub knew something newer. */
  readonly isState: boolean;
  readonly ack: SignedEnvelope;
}

export interface Importer {
  importReport(device: string, body: AsyncIterable<Uint8Array>, actor: string): Promise<Result<ImportedReport>>;
}

/** Reports that are worked on at the same time. */
const AT_ONCE = 4;
/** A database that takes nothing for so long ends the import; what it took stays, and the same report goes on there. */
const STALLED_MS = 60_000;
const STEP_MS = 20;
const KEPT_INSTALLATIONS = 4;
/** A counter that jumps further is a defect of the device, as in ingest. */
const MAX_LOST = 2 ** 32;

export function makeImporter(deps: CarryDeps): Importer {
  const { store, hubId } = deps;
  const busy = new Set<string>();

  function believe(
    row: DeviceRow,
    proof: DeviceProofCheck,
    bytes: Uint8Array,
  ): Result<{ index: ReportIndex; digest: string }> {
    const envelope = readSignedEnvelope(bytes);
    if (!envelope.ok) return refuse('report_invalid', `Its index cannot be read: ${envelope.detail}`);
    if (envelope.value.payloadType !== CARRIED_PAYLOAD_TYPES.report)
      return refuse('report_invalid', `Its index is a "${envelope.value.payloadType.slice(0, 80)}".`);
    // Proof first: nothing of a payload is read before it is known who wrote it.
    const proven = proof.check(envelope.value);
    if (!proven.ok) return proven;
    const index = parseReportIndex(envelope.value.payload);
    if (!index.ok) return index;
    if (index.value.device !== row.id)
      return refuse('report_proof_wrong', `It names device "${index.value.device}" and not "${row.id}".`);
    if (index.value.hubId !== hubId) return refuse('report_foreign', `It is for hub ${index.value.hubId}.`);
    return accept({ index: index.value, digest: digestOf(envelope.value.payload) });
  }

  /** Hands every entry to ingest and waits until the database has them. */
  async function ingestAll({ index, files }: SpooledReport, { lastSeq }: ReportFacts): Promise<Result<undefined>> {
    let stored = 0;
    const onAck = (ack: Ack): void => {
      if (ack.outboxId === index.outboxId) stored = Math.max(stored, ack.lastSeq);
    };
    const session: UplinkSession = {
      ...freshSession(index.device),
      bootId: index.bootId,
      outboxId: index.outboxId,
      // The device was not heard now: nobody touches it.
      touchedAt: Number.MAX_SAFE_INTEGER,
      onAck,
    };
    for (const { file, bytes } of files()) {
      if (!file.name.endsWith('.up')) continue;
      await new Promise<void>((done) => deps.ingest.receive(session, 'up', bytes, done));
    }
    for (let waited = 0, last = stored; stored < lastSeq; waited += STEP_MS) {
      if (stored > last) {
        last = stored;
        waited = 0;
      }
      if (waited >= STALLED_MS) return refuse('hub_busy', `Entries up to ${stored} of ${lastSeq} are stored.`);
      await deps.waitMs(STEP_MS);
    }
    return accept(undefined);
  }

  function writeState(index: ReportIndex, { hello, state }: ReportFacts): Statement[] {
    const at = deps.now();
    const { device, bootId, outboxId, exportedAt } = index;
    const facts = {
      id: device, bootId, outboxId,
      agentVersion: hello.agentVersion,
      capabilitiesJson: writeCapabilities(hello),
      reportedGeneration: hello.generation,
      stateRevision: state?.revision ?? 0,
      healthJson: state ? JSON.stringify(state.health) : null,
      desiredCode: state?.desiredRefusal?.code ?? null,
      desiredDetail: state?.desiredRefusal?.detail ?? null,
      seenAt: Math.min(at, Date.parse(exportedAt)),
    }; // biome-ignore format: one record
    return [storeCarriedState(facts), ...writeSlots(device, state?.slots ?? hello.slots, at)];
  }

  async function signAck(index: ReportIndex, outbox: OutboxRow | undefined): Promise<SignedEnvelope> {
    const { device, outboxId, oldestSeq } = index;
    const lastSeq = outbox?.lastSeq ?? 0;
    const range = { from: oldestSeq, to: lastSeq, limit: ACK_REFUSED };
    const refused = await listRefused(store, device, outboxId, range);
    const ack: ReportAck = {
      type: 'drover.report-ack/1',
      device,
      hubId,
      outboxId,
      lastSeq,
      refused: refused.map(({ seq, code, detail }) => ({ seq, code, detail: detail.slice(0, 160) })).toReversed(),
      issuedAt: new Date(deps.now()).toISOString(),
    };
    return signPayload(CARRIED_PAYLOAD_TYPES.ack, encodeCarried(ack), [deps.director]);
  }

  async function apply(report: SpooledReport, actor: string): Promise<Result<ImportedReport>> {
    const { index, digest } = report;
    const { device, outboxId, number } = index;
    const facts = readReport(report);
    if (!facts.ok) return facts;
    const verdict = decideReport(await readCarriedReport(store, device, outboxId), { number, digest });
    if (!verdict.ok) return verdict;
    const before = await readOutbox(store, device, outboxId);
    if (index.oldestSeq - (before?.lastSeq ?? 0) > MAX_LOST)
      return refuse('report_invalid', `It says that everything before ${index.oldestSeq} is gone.`);
    const stored = await ingestAll(report, facts.value);
    if (!stored.ok) return stored;
    const row = await readDevice(store, device);
    if (!row) return refuse('device_unknown', `"${device}".`);
    const held = {
      isOnline: row.presence === 'online',
      outboxId: row.outboxId ?? undefined,
      bootId: row.bootId ?? undefined,
      stateRevision: row.stateRevision,
      lastSeq: before?.lastSeq,
    };
    const isState = isNewestState(held, {
      outboxId,
      bootId: index.bootId,
      stateRevision: facts.value.state?.revision,
      nextSeq: index.nextSeq,
    });
    const after = await readOutbox(store, device, outboxId);
    const entries = (after?.entries ?? 0) - (before?.entries ?? 0);
    const refused = (after?.refused ?? 0) - (before?.refused ?? 0);
    const counts = {
      entries,
      refused,
      repeated: Math.max(0, facts.value.entries - entries - refused),
      lost: (after?.lost ?? 0) - (before?.lost ?? 0),
    };
    const at = deps.now();
    const statements = [
      storeCarriedReport({ device, outboxId, number, digest, importedAt: at }),
      trimCarriedReports(device, KEPT_INSTALLATIONS),
      ...(isState ? writeState(index, facts.value) : []),
    ];
    const detail = { number, digest, ...counts, isState };
    const done = await commitWithAudit(store, statements, {
      at,
      actor,
      action: 'report.import',
      subject: device,
      detail,
    });
    if (!done.ok) return refuse('write_conflict', `"${device}" changed meanwhile.`);
    deps.onReported(device);
    const lastSeq = after?.lastSeq ?? 0;
    return accept({ device, number, ...counts, lastSeq, isState, ack: await signAck(index, after) });
  }

  return {
    async importReport(device, body, actor) {
      const row = await readDevice(store, device);
      if (!row) return refuse('device_unknown', `"${device}".`);
      const proof = await deps.proofOf(row);
      if (!proof.ok) return proof;
      if (busy.has(device) || busy.size >= AT_ONCE)
        return refuse(
          'hub_busy',
          busy.has(device) ? `A report of "${device}" is being imported.` : 'Too many imports.',
        );
      busy.add(device);
      try {
        const spooled = await spoolReport(body, {
          folder: deps.spool,
          newId: deps.newId,
          believe: (bytes) => believe(row, proof.value, bytes),
        });
        if (!spooled.ok) return spooled;
        try {
          return await apply(spooled.value, actor);
        } finally {
          spooled.value.drop();
        }
      } finally {
        busy.delete(device);
      }
    },
  };
}
