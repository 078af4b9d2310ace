// Whom of its site a device is told of: one that holds or fetches the artifact, and each that does not help only once.
import type { Digest } from '@drover/core/ids';
import type { Cmd } from '@drover/wire/messages';
import { describe, expect, it } from 'vitest';
import { makeNeighbours } from './neighbours.ts';
import type { Outgoing } from './outgoing.ts';
import type { Session } from './sessions.ts';

const DIGEST = 'a'.repeat(64) as Digest;

function makeSession(device: string, fetched: readonly string[] = []): Session {
  const known = { device, site: 'north', cacheUrl: `https://${device}`, manifests: new Set(), carriers: new Map() };
  return { ...known, fetched: new Set(fetched), connection: { isOpen: () => true } } as unknown as Session;
}

function makeSite(sessions: readonly Session[], fetching: { session: Session; heardAt: number }[]) {
  const told: string[] = [];
  let now = 100_000;
  const neighbours = makeNeighbours({
    mono: () => now,
    sessions: () => sessions,
    fetching: () => fetching as unknown as Outgoing[],
    tell: (_, body: Cmd['body']) => {
      if (body.kind === 'offer')
        told.push(body.sources.map((s) => (s.kind === 'neighbour' ? s.device : '?')).join(' '));
    },
  });
  return { neighbours, told, wait: (ms: number) => void (now += ms) };
}

describe('neighbours', () => {
  it('names the next that fetches when the first did not help, and nobody twice for nothing', () => {
    const [a, b, c] = [makeSession('a'), makeSession('b'), makeSession('c')];
    const site = makeSite(
      [a, b, c],
      [a, b].map((session) => ({ session, heardAt: 100_000 })),
    );
    expect(site.neighbours.redirect(c, DIGEST, 0)).toBe(true);
    expect(site.neighbours.redirect(c, DIGEST, 0)).toBe(true);
    expect(site.neighbours.redirect(c, DIGEST, 0)).toBe(false);
    expect(site.told).toEqual(['a', 'b']);
    // It got something from them: they are named once more.
    expect(site.neighbours.redirect(c, DIGEST, 3)).toBe(true);
    expect(site.told).toEqual(['a', 'b', 'a']);
  });

  it('prefers one that holds it, and leaves one that is not heard any more', () => {
    const [a, b, c] = [makeSession('a'), makeSession('b', [DIGEST]), makeSession('c')];
    const site = makeSite([a, b, c], [{ session: a, heardAt: 100_000 }]);
    expect(site.neighbours.redirect(c, DIGEST, 0)).toBe(true);
    site.wait(15_001);
    expect(site.neighbours.redirect(c, DIGEST, 0)).toBe(false);
    expect(site.told).toEqual(['b']);
  });
});
