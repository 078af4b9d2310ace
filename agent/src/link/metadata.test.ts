import { until } from '@drover/testkit/until';
import type { MetadataReq } from '@drover/wire/messages';
import { describe, expect, it } from 'vitest';
import { makeMetadataLink } from './metadata.ts';

const never = new AbortController().signal;

function setUp(againMs = 60_000) {
  const asked: MetadataReq[] = [];
  const state = { isConnected: true };
  const link = makeMetadataLink({ isConnected: () => state.isConnected, ask: (req) => void asked.push(req), againMs });
  return { asked, state, link };
}
const content = Buffer.from('{}');

describe('release metadata over the broker', () => {
  it('gives the answer to the request that asked, and to no other', async () => {
    const { asked, link } = setUp();
    const [one, two] = [link.fetch('timestamp.json', 100, never), link.fetch('2.root.json', 100, never)];
    const [first, second] = asked;
    expect(first).toMatchObject({ name: 'timestamp.json', mostBytes: 100 });
    // The right number under another name, and a number that nobody asked: neither is taken.
    link.onMetadata({ name: '2.root.json', request: first?.request ?? 0, content });
    link.onMetadata({ name: 'timestamp.json', request: 99, content });
    link.onMetadata({
      name: '2.root.json', request: second?.request ?? 0, content, refusal: { code: 'metadata_not_found', detail: '' },
    }); // biome-ignore format: one record
    expect(await two).toEqual({ ok: true, value: undefined });
    link.onMetadata({ name: 'timestamp.json', request: first?.request ?? 0, content });
    expect(await one).toEqual({ ok: true, value: content });
  });

  it('asks again when nothing comes, and ends with the connection or when nobody waits any more', async () => {
    const { asked, state, link } = setUp(5);
    const one = link.fetch('timestamp.json', 100, never);
    await until('more askings', () => asked.length >= 3);
    expect(new Set(asked.map(({ request }) => request)).size).toBe(1);
    link.onDisconnected();
    expect(await one).toMatchObject({ ok: false, code: 'metadata_unreachable' });
    state.isConnected = false;
    const before = asked.length;
    expect(await link.fetch('timestamp.json', 100, never)).toMatchObject({ code: 'metadata_unreachable' });
    expect(asked).toHaveLength(before);
    state.isConnected = true;
    const abort = new AbortController();
    const three = link.fetch('timestamp.json', 100, abort.signal);
    abort.abort();
    expect(await three).toMatchObject({ code: 'metadata_timeout' });
  });

  it('takes a no from the hub only as one about metadata, and no file beyond what was asked', async () => {
    const { asked, link } = setUp();
    const answer = async (code: string) => {
      const got = link.fetch('timestamp.json', 1, never);
      link.onMetadata({
        name: 'timestamp.json', request: asked.at(-1)?.request ?? 0, content, ...(code && { refusal: { code, detail: 'x' } }),
      }); // biome-ignore format: one record
      return got;
    };
    expect(await answer('metadata_too_large')).toMatchObject({ code: 'metadata_too_large' });
    expect(await answer('disk_full')).toMatchObject({ code: 'metadata_unreachable' });
    expect(await answer('no such code')).toMatchObject({ code: 'metadata_unreachable' });
    expect(await answer('')).toMatchObject({ code: 'metadata_too_large' });
  });
});
