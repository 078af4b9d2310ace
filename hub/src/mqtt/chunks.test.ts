import type { Digest } from '@drover/core/ids';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { DeviceConnection } from './broker.ts';
import { makeChunkServer } from './chunks.ts';
import { makeSessions } from './sessions.ts';

const DIGEST = 'a'.repeat(64) as Digest;

/** A device that listens, and a store whose reads the test answers. */
function open(read: BlobStore['read']) {
  const sent: Uint8Array[] = [];
  const refused: string[] = [];
  const connection: DeviceConnection = {
    device: 'd1',
    connectedAt: 0,
    remoteAddress: '127.0.0.1',
    identity: undefined,
    isOpen: () => true,
    lastByteAt: () => 0,
    publish: async (_topic, payload) => {
      sent.push(payload);
      return true;
    },
    close: async () => undefined,
  };
  const blobs: BlobStore = {
    has: async () => true,
    size: async () => CHUNK_BYTES,
    read,
    put: async () => {
      throw new Error('nothing is stored here');
    },
    remove: async () => undefined,
    path: () => '',
  };
  const failures: unknown[] = [];
  const chunks = makeChunkServer({
    blobs,
    mono: () => 0,
    publishToAll: async () => undefined,
    tell: () => undefined,
    refuse: (_session, _digest, { code }) => void refused.push(code),
    failed: (error) => void failures.push(error),
  });
  const session = makeSessions().open(connection);
  const ask = async (): Promise<void> => {
    await chunks.request(session, { request: 1, digest: DIGEST, first: 0, count: 1 });
    // What is asked is sent without being waited for: some turns of the queue of promises.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { chunks, session, ask, sent, refused, failures };
}

describe('chunks', () => {
  it('go only to a device whose document names them', async () => {
    const { session, ask, sent, refused } = open(async () => new Uint8Array(CHUNK_BYTES));
    await ask();
    expect([sent.length, refused]).toEqual([0, ['artifact_not_entitled']]);
    session.artifacts = new Set([DIGEST]);
    await ask();
    expect(sent.map((chunk) => chunk.length)).toEqual([CHUNK_BYTES]);
  });

  it('that were missing or unreadable once are read again when they are asked again', async () => {
    const answers: (() => Promise<Uint8Array | undefined>)[] = [
      async () => undefined,
      async () => {
        throw new Error('EIO');
      },
      async () => new Uint8Array(CHUNK_BYTES),
    ];
    let reads = 0;
    const { session, ask, sent, refused, failures } = open(() => {
      const answer = answers[Math.min(reads, 2)];
      reads++;
      return answer ? answer() : Promise.resolve(undefined);
    });
    session.artifacts = new Set([DIGEST]);
    await ask();
    expect(refused).toEqual(['artifact_unknown']);
    await ask();
    expect(failures).toHaveLength(1);
    await ask();
    expect(sent).toHaveLength(1);
    await ask();
    expect([sent.length, reads]).toEqual([2, 3]);
  });

  it('go to a device that says what is missing, until it says that nothing is', async () => {
    const { chunks, session, sent, refused } = open(async () => new Uint8Array(CHUNK_BYTES));
    session.artifacts = new Set([DIGEST]);
    const say = async (request: number, mask: number): Promise<void> => {
      await chunks.request(session, {
        request,
        digest: DIGEST,
        first: mask === 0 ? 1 : 0,
        count: 0,
        bitmap: Uint8Array.of(mask),
      });
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    };
    await say(1, 255);
    // Two pieces are all that an unknown device gets at first.
    expect([sent.length, chunks.counts().outgoing]).toEqual([2, 1]);
    await say(1, 0b1111_1100);
    await say(1, 0b1100_0000);
    await say(1, 0);
    expect(sent.map((bytes) => bytes.length)).toEqual(Array.from({ length: 8 }, () => CHUNK_BYTES / 8));
    expect(refused).toEqual([]);
    expect(chunks.counts().outgoing).toBe(0);
  });
});
