// The messages of the wire as the rest of Drover sees them: digests in hex, closed unions. Never bytes: see encode and read.
import type { DeploymentState } from '@drover/core/deployment/table';
import type { Digest } from '@drover/core/ids';
import type { Agreement } from '@drover/core/shadow';

export type SlotRole = 'active' | 'shadow';
export type ClosedBy = 'boundary' | 'version' | 'shutdown' | 'count';

export interface SlotReport {
  readonly slot: string;
  /** Manifest digest of the model that answers now. */
  readonly running?: Digest;
  readonly previous?: Digest;
  readonly deployment?: {
    readonly deploymentId: string;
    readonly manifest: Digest;
    readonly state: DeploymentState;
    readonly revision: number;
    readonly enteredAt: number;
    readonly code?: string;
    readonly detail?: string;
    readonly bytesDone?: number;
    readonly bytesTotal?: number;
  };
}

export interface Capabilities {
  readonly runtime: 'native' | 'wasm' | '';
  readonly runtimeVersion: string;
  readonly arch: string;
  readonly platform: string;
  readonly maxOpset: number;
  readonly maxMlOpset: number;
  readonly maxIr: number;
  readonly memoryBytes: number;
  /** Raw X25519 public key in base64url. */
  readonly sealingKey?: string;
}

export interface Hello {
  readonly outboxId: string;
  readonly bootId: string;
  readonly sessionId: string;
  readonly agentVersion: string;
  readonly capabilities: Capabilities;
  readonly generation: number;
  readonly slots: readonly SlotReport[];
  readonly oldestSeq: number;
  readonly nextSeq: number;
  /** Where this device serves artifacts to its neighbours. */
  readonly cacheUrl?: string;
  /** What the agent can do beside the contract of 0.1. */
  readonly features?: readonly string[];
}

export interface Health {
  readonly rssBytes: number;
  /** Share of one core since the last report. */
  readonly cpuRatio: number;
  readonly diskFreeBytes: number;
  readonly uptimeMs: number;
  readonly outboxEntries: number;
  readonly outboxBytes: number;
  readonly outboxDropped: number;
  /** Since the start of the process, by reason code: why answers were not simply the model's own. Absent where there was none. */
  readonly answerReasons?: readonly { readonly code: string; readonly count: number }[];
  /** What else is known of the machine and the link, by name. Absent where nothing is. */
  readonly readings?: readonly Reading[];
}

export interface Reading {
  readonly name: string;
  readonly value: number;
}

export interface State {
  readonly bootId: string;
  readonly revision: number;
  readonly generation: number;
  readonly slots: readonly SlotReport[];
  readonly health: Health;
  readonly desiredRefusal?: { readonly code: string; readonly detail: string };
}

/** What tells one window from every other of its device. */
export interface WindowId {
  readonly slot: string;
  readonly role: SlotRole;
  readonly manifest: Digest;
  readonly bootId: string;
  readonly number: number;
  readonly startAt: number;
}

export interface WindowEntry extends WindowId {
  readonly kind: 'window';
  readonly revision: number;
  readonly endAt: number;
  readonly firstMono: number;
  readonly lastMono: number;
  readonly rows: number;
  readonly errors: number;
  readonly closedBy: ClosedBy;
  /** Of a shadow: how far it agrees with the model that answers. */
  readonly agreement?: Agreement;
  /** Bytes of packages/sketch. */
  readonly stats: Uint8Array;
}

export interface LabelsEntry extends WindowId {
  readonly kind: 'labels';
  readonly revision: number;
  readonly labelled: number;
  readonly unmatched: number;
  /** Bytes of packages/sketch. */
  readonly counts: Uint8Array;
}

export interface DeploymentEntry {
  readonly kind: 'deployment';
  readonly deploymentId: string;
  readonly slot: string;
  readonly manifest: Digest;
  readonly state: DeploymentState;
  readonly revision: number;
  readonly generation: number;
  readonly code?: string;
  readonly detail?: string;
}

export interface LogEntry {
  readonly kind: 'log';
  /** pino's numbers: 30 info, 40 warn, 50 error. */
  readonly level: number;
  readonly message: string;
  readonly code?: string;
}

export interface GapEntry {
  readonly kind: 'gap';
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly entries: number;
  readonly bytes: number;
}

export interface CmdResultEntry {
  readonly kind: 'cmdResult';
  readonly cmdId: string;
  readonly ok: boolean;
  readonly code?: string;
  readonly detail?: string;
}

/** What a row was captured for. */
export const SAMPLE_WHYS = ['unsure', 'novel', 'random', 'disagree'] as const;
export type SampleWhy = (typeof SAMPLE_WHYS)[number];

/** One captured row. */
export interface Sample {
  readonly predictionId: string;
  readonly at: number;
  readonly why: SampleWhy;
  /** By `why`: the margin, the novelty, the draw. */
  readonly score: number;
  /** Numeric features in the order of the manifest; NaN where missing or withheld. */
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
  /** -1 for a regression: then `value` is the answer. */
  readonly classIndex: number;
  readonly scores: readonly number[];
  readonly value: number;
}

export interface SamplesEntry {
  readonly kind: 'samples';
  readonly slot: string;
  readonly manifest: Digest;
  /** Fields whose values never leave the device. */
  readonly withheld: readonly string[];
  readonly samples: readonly Sample[];
}

export type EntryBody =
  | WindowEntry
  | LabelsEntry
  | DeploymentEntry
  | LogEntry
  | GapEntry
  | CmdResultEntry
  | SamplesEntry;

export interface Entry {
  /** Empty for the device itself, otherwise a child behind it. */
  readonly subject: string;
  readonly at: number;
  readonly body: EntryBody;
}

export interface Up {
  readonly outboxId: string;
  readonly bootId: string;
  readonly oldestSeq: number;
  /** `body` is one encoded Entry, read on its own with `readEntry`. */
  readonly items: readonly { readonly seq: number; readonly body: Uint8Array }[];
}

export interface Gone {
  readonly sessionId: string;
  readonly bootId: string;
}

export interface Req {
  readonly digest: Digest;
  readonly first: number;
  readonly count: number;
  readonly request: number;
  /** A byte a chunk from `first` on, a bit a missing piece; absent from agents of 0.1, which ask for `count` chunks. */
  readonly bitmap?: Uint8Array;
}

export interface MetadataReq {
  /** A file name of the release metadata, such as `timestamp.json`. */
  readonly name: string;
  readonly request: number;
  readonly mostBytes: number;
}

export interface Metadata {
  readonly name: string;
  readonly request: number;
  /** The file; empty beside a refusal. */
  readonly content: Uint8Array;
  readonly refusal?: { readonly code: string; readonly detail: string };
}

/** A DSSE v1.0.2 envelope: the signatures are over PAE(payloadType, payload), exact bytes. */
export interface SignedEnvelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly { readonly keyid: string; readonly sig: Uint8Array }[];
}

/** Where the release metadata lists a manifest: a hint, never believed before it was looked up. */
export interface ReleaseHint {
  readonly manifest: Digest;
  /** `<team>/<model>/<version>.json` */
  readonly path: string;
}

/** A way to the bytes of an artifact beside chunks over MQTT: a hint, because the digest decides what is taken. */
export type Source =
  | { readonly kind: 'mirror'; readonly url: string }
  | { readonly kind: 'neighbour'; readonly device: string; readonly url: string }
  | {
      readonly kind: 'delta';
      readonly base: Digest;
      readonly recipe: Digest;
      readonly size: number;
      readonly chunkList?: Digest;
    }
  | {
      readonly kind: 'sealed';
      readonly digest: Digest;
      readonly size: number;
      readonly chunkList?: Digest;
      readonly encapsulated: Uint8Array;
      readonly wrappedKey: Uint8Array;
    };

export interface Offer {
  readonly digest: Digest;
  /** The best first. */
  readonly sources: readonly Source[];
}

export interface Desired {
  readonly document: SignedEnvelope;
  readonly manifests: readonly SignedEnvelope[];
  readonly releases: readonly ReleaseHint[];
  readonly offers: readonly Offer[];
}

export interface Ack {
  readonly outboxId: string;
  readonly lastSeq: number;
  readonly refused: readonly { readonly seq: number; readonly code: string; readonly detail: string }[];
  readonly paceMs: number;
}

export interface Label {
  readonly predictionId: string;
  /** A class name, or the number of a regression. */
  readonly truth: string | number;
}

export interface Cmd {
  readonly id: string;
  readonly expiresAt: number;
  readonly body:
    | { readonly kind: 'requestState' }
    | { readonly kind: 'pushLabels'; readonly labels: readonly Label[] }
    | { readonly kind: 'chunkRefused'; readonly digest: Digest; readonly code: string; readonly detail: string }
    | { readonly kind: 'chunkBusy'; readonly digest: Digest; readonly retryAfterMs: number }
    | { readonly kind: 'listen'; readonly digest: Digest }
    | { readonly kind: 'unlisten'; readonly digest: Digest }
    | ({ readonly kind: 'offer' } & Offer);
}

export interface Beat {
  readonly hubId: string;
  readonly at: number;
}

export interface MessageOf {
  hello: Hello;
  state: State;
  up: Up;
  gone: Gone;
  req: Req;
  desired: Desired;
  ack: Ack;
  cmd: Cmd;
  beat: Beat;
  metadataReq: MetadataReq;
  metadata: Metadata;
}

export type MessageKind = keyof MessageOf;

/** The sender's clocks at publish. */
export interface Stamp {
  readonly sentAt: number;
  readonly sentMono: number;
}
