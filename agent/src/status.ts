// Says for a person on the device what this agent is and does now. Never changes anything and never asks the hub.
import type { Health, SlotReport } from '@drover/wire/messages';
import type { Capture } from './capture/capture.ts';
import type { Decisions } from './decisions/open.ts';
import type { Renewal } from './enrol/renewal.ts';
import type { Identity } from './identity.ts';
import type { Fetcher } from './link/download.ts';
import type { QuietCount } from './link/quiet-count.ts';
import type { LabelBook } from './observe/labels.ts';
import type { ReleaseTrust } from './release/trust.ts';
import type { Reporter } from './report.ts';
import type { Readings } from './sense/readings.ts';
import type { AnswerCounts } from './serve/answer-counts.ts';
import type { RuntimeOnce } from './serve/runtime-once.ts';
import type { ServedSlots } from './serve/slots.ts';
import { viewSlots } from './snapshot.ts';
import type { Outbox } from './store/outbox.ts';
import { AGENT_VERSION } from './version.ts';

export interface StatusDeps {
  readonly identity: Identity;
  readonly bootId: string;
  readonly isPerson: boolean;
  readonly isConnected: () => boolean;
  readonly generation: () => number;
  readonly reporter: Reporter;
  readonly renewal: Renewal | undefined;
  readonly trust: Pick<ReleaseTrust, 'rootVersion'>;
  readonly runtime: RuntimeOnce;
  readonly served: ServedSlots;
  readonly outbox: Outbox;
  readonly readings: Readings;
  readonly labels: LabelBook;
  readonly decisions: Decisions;
  readonly answers: AnswerCounts;
  readonly capture: Capture | undefined;
  readonly fetcher: Fetcher;
  readonly badMessages: QuietCount;
  readonly slots: () => SlotReport[];
  readonly health: () => Health;
}

export function makeStatus(deps: StatusDeps): () => Record<string, unknown> {
  const { identity, renewal, runtime } = deps;
  return () => ({
    device: identity.device,
    hub: {
      url: identity.mqttUrl,
      connected: deps.isConnected(),
      generation: deps.generation(),
      desiredRefusal: deps.reporter.refusal() ?? null,
      certificateUntil: renewal ? new Date(renewal.notAfter()).toISOString() : null,
    },
    release: { rootVersion: deps.trust.rootVersion(), person: deps.isPerson },
    agent: { version: AGENT_VERSION, bootId: deps.bootId, runtime: runtime.opened()?.name ?? null, pid: process.pid },
    slots: viewSlots(deps.slots(), deps.served),
    outbox: deps.outbox.counts(),
    health: deps.health(),
    readings: deps.readings.counts(),
    labels: deps.labels.counts(),
    answers: { by: deps.answers.by(), reasons: deps.answers.reasons() },
    decisions: deps.decisions.counts(),
    capture: deps.capture?.counts() ?? null,
    delivery: deps.fetcher.counts(),
    badMessages: deps.badMessages.counts(),
  });
}
