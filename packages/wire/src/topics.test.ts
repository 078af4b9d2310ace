import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as topics from './topics.ts';

const device = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,30}$/);
const digest = 'ab'.repeat(32);

describe('topics', () => {
  it('parse back to what built them', () => {
    fc.assert(
      fc.property(device, fc.nat(99_999), (id, index) => {
        for (const kind of topics.UP_KINDS) {
          expect(topics.parseTopic(topics.upTopic(id, kind))).toEqual({
            ok: true,
            value: { to: 'hub', device: id, kind },
          });
        }
        for (const kind of topics.DOWN_KINDS) {
          expect(topics.parseTopic(topics.downTopic(id, kind))).toEqual({
            ok: true,
            value: { to: 'device', device: id, kind },
          });
        }
        const chunk = { kind: 'chunk', digest, index };
        expect(topics.parseTopic(topics.chunkTopic(id, digest, index))).toEqual({
          ok: true,
          value: { to: 'device', device: id, ...chunk },
        });
        expect(topics.parseTopic(topics.pieceTopic(id, digest, index, index % 8))).toEqual({
          ok: true,
          value: { to: 'device', device: id, ...chunk, piece: index % 8 },
        });
        expect(topics.parseTopic(topics.sharedChunkTopic(digest, index))).toEqual({
          ok: true,
          value: { to: 'all', ...chunk },
        });
      }),
    );
  });

  it('refuse everything else', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(topics.parseTopic(text).ok).toBe(false);
      }),
    );
    for (const bad of [
      'drover/1/u/p00/press-1/hello',
      'drover/2/hub',
      'drover/1/d/press-1/hello',
      'drover/1/d/x/c/zz/1',
      `drover/1/d/x/c/${digest}/1.8`,
      `drover/1/a/${digest}/1.0`,
      '$SYS/a',
      '',
    ]) {
      expect(topics.parseTopic(bad)).toMatchObject({ ok: false, code: 'topic_invalid' });
    }
  });

  it('let a device subscribe to its own, the hub and named artifacts only', () => {
    const named = new Set([digest]);
    for (const own of ['drover/1/d/press-1/#', 'drover/1/hub', `drover/1/a/${digest}/#`]) {
      expect(topics.mayDeviceSubscribe('press-1', own, named)).toBe(true);
    }
    for (const other of [
      '#',
      'drover/1/d/press-2/#',
      'drover/1/d/+/#',
      'drover/1/a/+/#',
      `drover/1/a/${'cd'.repeat(32)}/#`,
      `$share/g/drover/1/hub`,
      'drover/1/u/#',
    ]) {
      expect(topics.mayDeviceSubscribe('press-1', other, named)).toBe(false);
    }
  });
});
