// Builds and parses every MQTT topic; nobody else writes a slash. Never publishes or subscribes.
import { createHash } from 'node:crypto';
import { isDeviceId, isDigest } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';

export const UP_KINDS = ['hello', 'state', 'up', 'gone', 'req', 'meta'] as const;
export type UpKind = (typeof UP_KINDS)[number];
export const DOWN_KINDS = ['desired', 'ack', 'cmd', 'meta'] as const;
export type DownKind = (typeof DOWN_KINDS)[number];

const PREFIX = 'drover/1';
export const HUB_TOPIC = `${PREFIX}/hub`;

/** p00..p63: the first byte of SHA-256(device id) & 63, so that workers can own partitions. */
export function partitionOf(device: string): string {
  const byte = createHash('sha256').update(device).digest()[0] ?? 0;
  return `p${String(byte & 63).padStart(2, '0')}`;
}

export const upTopic = (device: string, kind: UpKind): string => `${PREFIX}/u/${partitionOf(device)}/${device}/${kind}`;
export const downTopic = (device: string, kind: DownKind): string => `${PREFIX}/d/${device}/${kind}`;
export const chunkTopic = (device: string, digest: string, index: number): string =>
  `${PREFIX}/d/${device}/c/${digest}/${index}`;
/** A piece of a chunk, for a link that is too slow for a whole one. */
export const pieceTopic = (device: string, digest: string, index: number, piece: number): string =>
  `${PREFIX}/d/${device}/c/${digest}/${index}.${piece}`;
export const sharedChunkTopic = (digest: string, index: number): string => `${PREFIX}/a/${digest}/${index}`;
/** Everything that is meant for one device. */
export const deviceFilter = (device: string): string => `${PREFIX}/d/${device}/#`;
export const sharedChunkFilter = (digest: string): string => `${PREFIX}/a/${digest}/#`;

const SHARED = `${PREFIX}/a/`;
/** Whether a message is for all that listen to an artifact: looked at for each one that is delivered. */
export const isSharedTopic = (topic: string): boolean => topic.startsWith(SHARED);

/** The artifact of a filter that `sharedChunkFilter` made. */
export function sharedDigestOf(filter: string): string | undefined {
  const digest = filter.slice(PREFIX.length + 3, -2);
  return isDigest(digest) && filter === sharedChunkFilter(digest) ? digest : undefined;
}

export type Topic =
  | { readonly to: 'hub'; readonly device: string; readonly kind: UpKind }
  | { readonly to: 'device'; readonly device: string; readonly kind: DownKind }
  | {
      readonly to: 'device';
      readonly device: string;
      readonly kind: 'chunk';
      readonly digest: string;
      readonly index: number;
      /** Absent: the whole chunk. */
      readonly piece?: number;
    }
  | { readonly to: 'all'; readonly kind: 'chunk'; readonly digest: string; readonly index: number }
  | { readonly to: 'all'; readonly kind: 'beat' };

const INDEX = /^(0|[1-9][0-9]{0,7})$/;
const PIECE = /^(0|[1-9][0-9]{0,7})\.([0-7])$/;

export function parseTopic(topic: string): Result<Topic> {
  const parsed = topic.length <= 256 ? parseParts(topic.split('/')) : undefined;
  return parsed ? accept(parsed) : refuse('topic_invalid', `"${topic.slice(0, 120)}".`);
}

function parseParts(parts: readonly string[]): Topic | undefined {
  const [root, version, branch, a = '', b = '', c = '', d = ''] = parts;
  if (root !== 'drover' || version !== '1') return undefined;
  if (branch === 'hub' && parts.length === 3) return { to: 'all', kind: 'beat' };
  if (branch === 'u' && parts.length === 6) {
    const kind = UP_KINDS.find((k) => k === c);
    return kind && isDeviceId(b) && partitionOf(b) === a ? { to: 'hub', device: b, kind } : undefined;
  }
  if (branch === 'd' && parts.length === 5 && isDeviceId(a)) {
    const kind = DOWN_KINDS.find((k) => k === b);
    return kind ? { to: 'device', device: a, kind } : undefined;
  }
  if (branch === 'd' && parts.length === 7 && isDeviceId(a) && b === 'c' && isDigest(c)) {
    if (INDEX.test(d)) return { to: 'device', device: a, kind: 'chunk', digest: c, index: Number(d) };
    const [, index, piece] = PIECE.exec(d) ?? [];
    if (index === undefined) return undefined;
    return { to: 'device', device: a, kind: 'chunk', digest: c, index: Number(index), piece: Number(piece) };
  }
  if (branch === 'a' && parts.length === 5 && isDigest(a) && INDEX.test(b)) {
    return { to: 'all', kind: 'chunk', digest: a, index: Number(b) };
  }
  return undefined;
}

/** Filters a device may subscribe to. `artifacts` are the digests that its desired document names. */
export function mayDeviceSubscribe(device: string, filter: string, artifacts: ReadonlySet<string>): boolean {
  if (filter === HUB_TOPIC || filter === deviceFilter(device)) return true;
  const parts = filter.split('/');
  return parts.length === 5 && filter === sharedChunkFilter(parts[3] ?? '') && artifacts.has(parts[3] ?? '');
}
