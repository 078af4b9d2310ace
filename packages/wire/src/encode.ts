// Turns messages into bytes. Never checks them: what we send is ours; what arrives is checked by read.
import './protobuf.ts';
import { drover } from './gen/drover.js';
import type { Entry, MessageKind, MessageOf, Offer, SignedEnvelope, SlotReport, Source, Stamp } from './messages.ts';

const pb = drover.v1;
/** Grows only when an old reader could misunderstand a new message. */
export const SCHEMA = 1;

const bytes = (hex: string | undefined): Uint8Array => (hex ? Buffer.from(hex, 'hex') : new Uint8Array(0));

function slotToWire({ slot, running, previous, deployment: d }: SlotReport): drover.v1.SlotReport.$Properties {
  const report: drover.v1.SlotReport.$Properties = { slot, running: bytes(running), previous: bytes(previous) };
  if (!d) return report;
  return {
    ...report,
    deploymentId: d.deploymentId,
    deploymentManifest: bytes(d.manifest),
    state: d.state,
    revision: d.revision,
    enteredAt: d.enteredAt,
    code: d.code ?? '',
    detail: d.detail ?? '',
    bytesDone: d.bytesDone ?? 0,
    bytesTotal: d.bytesTotal ?? 0,
  };
}

export const envelopeToWire = (e: SignedEnvelope): drover.v1.Dsse.$Properties => ({
  payloadType: e.payloadType,
  payload: e.payload,
  signatures: e.signatures.map((s) => ({ keyid: s.keyid, sig: s.sig })),
});

function sourceToWire(source: Source): drover.v1.Source.$Properties {
  switch (source.kind) {
    case 'mirror':
      return { mirror: { url: source.url } };
    case 'neighbour':
      return { neighbour: { device: source.device, url: source.url } };
    case 'delta': {
      const { base, recipe, size, chunkList } = source;
      return { delta: { base: bytes(base), recipe: bytes(recipe), size, chunkList: bytes(chunkList) } };
    }
    case 'sealed': {
      const { digest, size, chunkList, encapsulated, wrappedKey } = source;
      return { sealed: { digest: bytes(digest), size, chunkList: bytes(chunkList), encapsulated, wrappedKey } };
    }
    default:
      return source satisfies never;
  }
}

const offerToWire = ({ digest, sources }: Offer): drover.v1.Offer.$Properties => ({
  digest: bytes(digest),
  sources: sources.map(sourceToWire),
});

const toWire: { [K in MessageKind]: (message: MessageOf[K]) => drover.v1.Envelope.$Properties } = {
  hello: (m) => ({ hello: { ...m, features: [...(m.features ?? [])], slots: m.slots.map(slotToWire) } }),
  state: ({ desiredRefusal, ...m }) => ({
    state: {
      ...m,
      slots: m.slots.map(slotToWire),
      health: {
        ...m.health,
        answerReasons: m.health.answerReasons?.map((one) => ({ ...one })) ?? [],
        readings: m.health.readings?.map((one) => ({ ...one })) ?? [],
      },
      desiredCode: desiredRefusal?.code ?? '',
      desiredDetail: desiredRefusal?.detail ?? '',
    },
  }),
  up: (m) => ({ up: { ...m, items: m.items.map((item) => ({ seq: item.seq, body: item.body })) } }),
  gone: (m) => ({ gone: m }),
  req: (m) => ({ req: { ...m, digest: bytes(m.digest) } }),
  desired: (m) => ({
    desired: {
      document: envelopeToWire(m.document),
      manifests: m.manifests.map(envelopeToWire),
      releases: m.releases.map(({ manifest, path }) => ({ manifest: bytes(manifest), path })),
      offers: m.offers.map(offerToWire),
    },
  }),
  ack: (m) => ({ ack: { ...m, refused: m.refused.map((r) => ({ ...r })) } }),
  cmd: ({ id, expiresAt, body }) => {
    switch (body.kind) {
      case 'requestState':
        return { cmd: { id, expiresAt, requestState: {} } };
      case 'pushLabels': {
        const labels = body.labels.map(({ predictionId, truth }) =>
          typeof truth === 'number' ? { predictionId, value: truth } : { predictionId, class: truth },
        );
        return { cmd: { id, expiresAt, pushLabels: { labels } } };
      }
      case 'chunkRefused':
        return {
          cmd: { id, expiresAt, chunkRefused: { digest: bytes(body.digest), code: body.code, detail: body.detail } },
        };
      case 'chunkBusy':
        return { cmd: { id, expiresAt, chunkBusy: { digest: bytes(body.digest), retryAfterMs: body.retryAfterMs } } };
      case 'listen':
        return { cmd: { id, expiresAt, listen: { digest: bytes(body.digest) } } };
      case 'unlisten':
        return { cmd: { id, expiresAt, unlisten: { digest: bytes(body.digest) } } };
      case 'offer':
        return { cmd: { id, expiresAt, offer: offerToWire(body) } };
      default:
        return body satisfies never;
    }
  },
  beat: (m) => ({ beat: m }),
  metadataReq: (m) => ({ metadataReq: m }),
  metadata: ({ refusal, ...m }) => ({
    metadata: { ...m, code: refusal?.code ?? '', detail: refusal?.detail ?? '' },
  }),
};

/** The bytes of one MQTT payload. */
export function encodeMessage<K extends MessageKind>(kind: K, message: MessageOf[K], stamp: Stamp): Uint8Array {
  return pb.Envelope.encode({ schema: SCHEMA, ...stamp, ...toWire[kind](message) }).finish();
}

function entryToWire({ subject, at, body }: Entry): drover.v1.Entry.$Properties {
  const head = { subject, at };
  switch (body.kind) {
    case 'window':
      return { ...head, window: { ...body, manifest: bytes(body.manifest) } };
    case 'labels':
      return { ...head, labels: { ...body, manifest: bytes(body.manifest) } };
    case 'deployment':
      return {
        ...head,
        deployment: { ...body, manifest: bytes(body.manifest), code: body.code ?? '', detail: body.detail ?? '' },
      };
    case 'log':
      return { ...head, log: { ...body, code: body.code ?? '' } };
    case 'gap':
      return { ...head, gap: body };
    case 'samples': {
      const { slot, manifest, withheld, samples } = body;
      const list = samples.map((s) => ({ ...s, numbers: [...s.numbers], texts: [...s.texts], scores: [...s.scores] }));
      return { ...head, samples: { slot, manifest: bytes(manifest), withheld: [...withheld], samples: list } };
    }
    case 'cmdResult':
      return { ...head, cmdResult: { ...body, code: body.code ?? '', detail: body.detail ?? '' } };
    default:
      return body satisfies never;
  }
}

/** The bytes of one outbox entry, as `Up.items` carries them. */
export const encodeEntry = (entry: Entry): Uint8Array => pb.Entry.encode(entryToWire(entry)).finish();

/** A signed envelope stored on its own, in the same protobuf form as on the wire. */
export const encodeSignedEnvelope = (envelope: SignedEnvelope): Uint8Array =>
  pb.Dsse.encode(envelopeToWire(envelope)).finish();
