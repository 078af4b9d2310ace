import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeKey, type Signer } from '../dsse.ts';
import {
  buildModel,
  buildRoot,
  buildSnapshot,
  buildTargets,
  buildTeam,
  type Entry,
  extendRoot,
  type KeySet,
  nextOffline,
  nextRole,
  VALID_MS,
} from './build.ts';
import {
  type AnySigned,
  addSignatures,
  encodeMetadata,
  type Metadata,
  parseMetadata,
  signMetadata,
  type TargetsSigned,
} from './metadata.ts';
import { modelRole, targetPath } from './names.ts';
import { entriesOf, proposeChanges, type ReleaseChange, type TeamFiles } from './propose.ts';
import { type AskedChange, checkNextRoot, checkPublication, checkRoot, checkTargets } from './verify.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');
const DAY = 86_400_000;
const signers = {
  a: makeKey().signer,
  b: makeKey().signer,
  c: makeKey().signer,
  team: makeKey().signer,
  evil: makeKey().signer,
};
const setOf = (threshold: number, ...of: Signer[]): KeySet => ({ keys: of.map((one) => one.publicKey), threshold });
const team = setOf(1, signers.team);
const teams = new Map([
  ['hub', setOf(1, signers.c)],
  ['acme', team],
]);
const entry = (version: number, mark = version): Entry => ({
  version,
  sha256: mark.toString(16).padStart(64, '0'),
  length: 100 + mark,
  release: version,
});
const known = (_model: string, version: number): Entry | undefined => (version <= 20 ? entry(version) : undefined);

async function signed<T extends AnySigned>(document: T, ...by: Signer[]): Promise<Metadata<T>> {
  const made = await signMetadata(document, by);
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}
const bytesOf = async (document: AnySigned, ...by: Signer[]) => encodeMetadata(await signed(document, ...by));

const parts = { root: setOf(2, signers.a, signers.b), targets: setOf(1, signers.a), online: setOf(1, signers.c), director: setOf(1, signers.c) }; // biome-ignore format: four roles
const rootOne = buildRoot(parts, 1, NOW);

/** A team with one model that lists these versions. */
async function holdTeam(versions: readonly number[]): Promise<TeamFiles> {
  const order = {
    team: 'acme',
    keys: team,
    held: { team: undefined, models: new Map() },
    now: NOW,
  };
  const proposed = proposeChanges(order, new Map([['wear', { add: versions.map((v) => entry(v)) }]]));
  if (!proposed.ok) throw new Error(proposed.detail);
  const [teamRole, modelRole] = await Promise.all(proposed.value.map((one) => signed(one.signed, signers.team)));
  if (!teamRole || !modelRole) throw new Error('two roles');
  return { team: teamRole, models: new Map([['wear', modelRole]]) };
}

let held: TeamFiles;
beforeAll(async () => {
  held = await holdTeam([1, 2, 3]);
});

async function propose(change: ReleaseChange): Promise<TargetsSigned> {
  const proposed = proposeChanges({ team: 'acme', keys: team, held, now: NOW }, new Map([['wear', change]]));
  const [role] = proposed.ok ? proposed.value : [];
  if (!role) throw new Error('one role');
  return role.signed;
}

async function check(
  document: TargetsSigned,
  asked: AskedChange,
  by: Signer = signers.team,
  more: Partial<Parameters<typeof checkPublication>[0]> = {},
) {
  const files = [{ role: 'acme~wear', bytes: await bytesOf(document, by) }];
  return checkPublication({
    team: 'acme',
    teams,
    held,
    files,
    changes: new Map([['wear', asked]]),
    known,
    now: NOW,
    ...more,
  });
}
const refused = (code: string) => ({ ok: false, code });

describe('roots', () => {
  it('are believed by their own threshold, and follow by the threshold of both', async () => {
    expect(checkRoot(await bytesOf(rootOne, signers.a, signers.b))).toMatchObject({ ok: true });
    expect(checkRoot(await bytesOf(rootOne, signers.a))).toMatchObject(refused('metadata_unsigned'));
    const next = extendRoot(rootOne, { root: setOf(2, signers.b, signers.c) }, NOW);
    expect(checkNextRoot(rootOne, await bytesOf(next, signers.b, signers.c))).toMatchObject(
      refused('metadata_unsigned'),
    );
    expect(checkNextRoot(rootOne, await bytesOf(next, signers.a, signers.b))).toMatchObject(
      refused('metadata_unsigned'),
    );
    expect(checkNextRoot(rootOne, await bytesOf(next, signers.a, signers.b, signers.c))).toMatchObject({ ok: true });
    const skipped = { ...next, version: 3 };
    expect(checkNextRoot(rootOne, await bytesOf(skipped, signers.a, signers.b, signers.c))).toMatchObject(
      refused('metadata_version'),
    );
  });

  it('cannot be signed twice by one key under two names, nor name a key by a wrong id', async () => {
    const metadata = await signed(rootOne, signers.a);
    const doubled = { ...metadata, signatures: [...metadata.signatures, ...metadata.signatures] };
    expect(parseMetadata('root', encodeMetadata(doubled))).toMatchObject(refused('metadata_malformed'));
    const [first = ''] = rootOne.roles.root.keyids;
    const { [first]: key, ...others } = rootOne.keys;
    const renamed = { ...rootOne, keys: { ...others, ['f'.repeat(64)]: key } } as typeof rootOne;
    expect(parseMetadata('root', await bytesOf(renamed, signers.a))).toMatchObject(refused('metadata_malformed'));
  });
});

describe('targets', () => {
  it('name teams for their own paths and nothing else', async () => {
    const good = buildTargets(teams, { version: 2, now: NOW });
    const take = async (document: TargetsSigned, by = signers.a, last = 1) =>
      checkTargets(rootOne, last, await bytesOf(document, by), NOW);
    expect(await take(good)).toMatchObject({ ok: true });
    expect(await take(good, signers.evil)).toMatchObject(refused('metadata_unsigned'));
    expect(await take(good, signers.a, 2)).toMatchObject(refused('metadata_version'));
    expect(await take({ ...good, expires: '2020-01-01T00:00:00Z' })).toMatchObject(refused('metadata_expiry'));
    expect(await take({ ...good, expires: '2046-01-01T00:00:00Z' })).toMatchObject(refused('metadata_expiry'));
    expect(
      await take({
        ...good,
        targets: { 'hub/wear/1.json': { length: 1, hashes: { sha256: '0'.repeat(64) }, custom: { release: 1 } } },
      }),
    ).toMatchObject(refused('metadata_forbidden'));
    const wide = structuredClone(good);
    const [first] = wide.delegations?.roles ?? [];
    if (first) first.paths = ['*/*/*'];
    expect(await take(wide)).toMatchObject(refused('metadata_forbidden'));
  });
});

describe('what a publisher sends', () => {
  it('is taken when it is exactly the change asked for', async () => {
    const add = { add: [entry(4)] };
    expect(await check(await propose(add), { add: [4] })).toMatchObject({ ok: true, value: [{ role: 'acme~wear' }] });
    expect(
      await check(await propose({ withdraw: [1], minRelease: 2 }), { withdraw: [1], minRelease: 2 }),
    ).toMatchObject({ ok: true });
    expect(await check(await propose({}), {})).toMatchObject({ ok: true });
  });

  it('is refused when anything else changed', async () => {
    const good = await propose({ add: [entry(4)] });
    const alter = (edit: (document: TargetsSigned) => void): TargetsSigned => {
      const copy = structuredClone(good);
      edit(copy);
      return copy;
    };
    const path = (version: number, model = 'wear', of = 'acme') => targetPath({ team: of, model, version });
    const target = good.targets[path(4)];
    if (!target) throw new Error('it is there');
    const cases: [string, TargetsSigned, string, AskedChange?, Signer?][] = [
      ['another key', good, 'metadata_unsigned', { add: [4] }, signers.evil],
      ['an entry that is gone', alter((d) => delete d.targets[path(1)]), 'release_changed'],
      ['an entry with another digest', alter((d) => void (d.targets[path(1)] = target)), 'release_changed'],
      ['an entry nobody asked for', good, 'release_changed', {}],
      ['a change that is missing', good, 'release_changed', { add: [4, 5] }],
      ['a manifest nobody registered', await propose({ add: [entry(30)] }), 'version_unknown', { add: [30] }],
      ['another manifest', await propose({ add: [entry(4, 77)] }), 'release_mismatch'],
      ['a path of another team', alter((d) => void (d.targets[path(5, 'wear', 'hub')] = target)), 'metadata_forbidden'],
      ['a path of another model', alter((d) => void (d.targets[path(5, 'pump')] = target)), 'metadata_forbidden'],
      ['a path that is none', alter((d) => void (d.targets['../../etc/passwd'] = target)), 'metadata_name_invalid'],
      ['a delegation', alter((d) => void Object.assign(d, { delegations: buildTargets(teams, { version: 1, now: NOW }).delegations })), 'metadata_forbidden'],
      ['a word of the root', alter((d) => void (d['x-drover'] = { release: 'person' })), 'metadata_forbidden'],
      ['a version from the future', { ...good, version: Math.floor(NOW / 1000) + 2 * 86_400 }, 'metadata_version'],
      ['the version held', { ...good, version: 1 }, 'metadata_version'],
      ['an end long ago', { ...good, expires: '2001-01-01T00:00:00Z' }, 'metadata_expiry'],
      ['no end', { ...good, expires: '9999-12-31T23:59:59Z' }, 'metadata_expiry'],
    ]; // biome-ignore format: one row a case
    for (const [what, document, code, asked = { add: [4] }, by] of cases)
      expect([what, await check(document, asked, by)]).toMatchObject([what, refused(code)]);
  });

  it('is refused for the team of the hub, an unknown team, a role of another team, and twice the same role', async () => {
    const document = await propose({ add: [entry(4)] });
    const file = { role: 'acme~wear', bytes: await bytesOf(document, signers.team) };
    const changes = new Map([['wear', { add: [4] }]]);
    const take = (of: string, files = [file]) =>
      checkPublication({ team: of, teams, held, files, changes, known, now: NOW });
    expect(take('hub')).toMatchObject(refused('team_unknown'));
    expect(take('beta')).toMatchObject(refused('team_unknown'));
    expect(take('acme', [{ ...file, role: 'hub~wear' }])).toMatchObject(refused('metadata_forbidden'));
    expect(take('acme', [file, file])).toMatchObject(refused('metadata_forbidden'));
    expect(take('acme', [{ ...file, role: 'targets' }])).toMatchObject(refused('metadata_forbidden'));
  });

  it('is refused where the team names other keys, other paths, or drops a model', async () => {
    const take = async (document: TargetsSigned) =>
      checkPublication({
        team: 'acme',
        teams,
        held,
        files: [{ role: 'acme', bytes: await bytesOf(document, signers.team) }],
        changes: new Map(),
        known,
        now: NOW,
      });
    const order = { team: 'acme', keys: team, version: (held.team?.signed.version ?? 0) + 1, now: NOW };
    expect(await take(buildTeam(order, ['wear']))).toMatchObject({ ok: true });
    expect(await take(buildTeam(order, []))).toMatchObject(refused('release_changed'));
    expect(await take(buildTeam(order, ['wear', 'ghost']))).toMatchObject(refused('metadata_forbidden'));
    expect(await take(buildTeam({ ...order, keys: setOf(1, signers.evil) }, ['wear']))).toMatchObject(
      refused('metadata_forbidden'),
    );
    expect(await take(buildTeam({ ...order, team: 'hub' }, ['wear']))).toMatchObject(refused('metadata_forbidden'));
  });

  it('is refused after the keys of the team changed, until all of its roles are signed by the new ones', async () => {
    const fresh = new Map([...teams, ['acme', setOf(1, signers.b)]]);
    expect(await check(await propose({}), {}, signers.team, { teams: fresh })).toMatchObject(
      refused('metadata_unsigned'),
    );
    const order = { team: 'acme', keys: setOf(1, signers.b), held, now: NOW };
    const proposed = proposeChanges(order, new Map([['wear', {}]]));
    if (!proposed.ok) throw new Error(proposed.detail);
    const files = await Promise.all(
      proposed.value.map(async ({ role, signed: document }) => ({ role, bytes: await bytesOf(document, signers.b) })),
    );
    const nothing = { changes: new Map(), known, now: NOW };
    expect(checkPublication({ team: 'acme', teams: fresh, held, files, ...nothing })).toMatchObject({ ok: true });
    expect(checkPublication({ team: 'acme', teams: fresh, held, files: files.slice(0, 1), ...nothing })).toMatchObject(
      refused('metadata_forbidden'),
    );
  });

  it('never lowers the minimum release', async () => {
    const raised = await signed(await propose({ minRelease: 3 }), signers.team);
    const after: TeamFiles = { ...held, models: new Map([['wear', raised]]) };
    const order = { team: 'acme', keys: team, held: after, now: NOW };
    expect(proposeChanges(order, new Map([['wear', { minRelease: 2 }]]))).toMatchObject(refused('min_release_lowered'));
    const version = raised.signed.version + 1;
    const lower = buildModel(
      { team: 'acme', model: 'wear', version, now: NOW, minRelease: 2 },
      [1, 2, 3].map((v) => entry(v)),
    );
    expect(await check(lower, { minRelease: 2 }, signers.team, { held: after })).toMatchObject(
      refused('min_release_lowered'),
    );
    const gone = buildModel(
      { team: 'acme', model: 'wear', version, now: NOW },
      [1, 2, 3].map((v) => entry(v)),
    );
    expect(await check(gone, {}, signers.team, { held: after })).toMatchObject(refused('min_release_lowered'));
  });

  it('never throws, whatever the bytes are, and takes nothing that its key did not sign', async () => {
    const good = encodeMetadata(await signed(await propose({ add: [entry(4)] }), signers.team));
    const take = (bytes: Uint8Array, role = 'acme~wear') =>
      checkPublication({
        team: 'acme',
        teams,
        held,
        files: [{ role, bytes }],
        changes: new Map([['wear', { add: [4] }]]),
        known,
        now: NOW,
      });
    expect(take(good)).toMatchObject({ ok: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(take(bytes).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (of, by) => {
        expect(take(Buffer.from(JSON.stringify({ signed: of, signatures: by }))).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bytes = Uint8Array.from(good);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ mask;
        const taken = take(bytes);
        // White space may change; what is signed may not.
        if (taken.ok) expect(taken.value[0]?.metadata).toEqual(JSON.parse(Buffer.from(good).toString()));
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.string(), (role) => void take(good, role)));
  });

  it('is refused when it is larger than any metadata, before it is read', () => {
    expect(parseMetadata('targets', new Uint8Array(1_000_000))).toMatchObject(refused('metadata_malformed'));
  });
});

describe('changes', () => {
  const change = fc.record({
    add: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 6 }),
    withdraw: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 6 }),
  });

  it('that are proposed are what is taken: both sides read a change alike', async () => {
    await fc.assert(
      fc.asyncProperty(change, async ({ add, withdraw }) => {
        const listed = new Set([1, 2, 3]);
        const asked = { add: add.filter((v) => !listed.has(v)), withdraw: withdraw.filter((v) => listed.has(v)) };
        const document = await propose({ add: asked.add.map((v) => entry(v)), withdraw: asked.withdraw });
        expect(await check(document, asked)).toMatchObject({ ok: true });
        const after = entriesOf(document).map(({ version }) => version);
        const wanted = [1, 2, 3, ...asked.add].filter((v) => !asked.withdraw.includes(v)).toSorted((a, b) => a - b);
        expect(after).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  it('keep at most a hundred versions in a list', () => {
    const order = { team: 'acme', keys: team, held, now: NOW };
    const add = Array.from({ length: 98 }, (_, at) => entry(at + 4));
    expect(proposeChanges(order, new Map([['wear', { add }]]))).toMatchObject(refused('release_full'));
    expect(proposeChanges(order, new Map([['wear', { add: add.slice(1) }]]))).toMatchObject({ ok: true });
    expect(proposeChanges(order, new Map([['wear', { withdraw: [9] }]]))).toMatchObject(refused('release_unlisted'));
    expect(proposeChanges(order, new Map([['wear', { add: [entry(1, 9)] }]]))).toMatchObject(
      refused('release_mismatch'),
    );
  });
});

describe('versions and times', () => {
  it('of roles below root and targets never go back, also not after a restore; those two count by one', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 4e12 }), (last, now) => {
        expect(nextRole(last, now)).toBeGreaterThan(last);
        expect(nextRole(last, now)).toBeGreaterThanOrEqual(Math.floor(now / 1000));
        expect(nextOffline(last)).toBe(last + 1);
      }),
    );
  });

  it('are those of the decision: a year, 90 days, a week, a day', () => {
    const left = ({ expires }: { expires: string }): number => (Date.parse(expires) - NOW) / DAY;
    expect(left(rootOne)).toBe(365);
    expect(left(buildTargets(teams, { version: 1, now: NOW }))).toBe(365);
    expect(left(buildTeam({ team: 'acme', keys: team, version: 1, now: NOW }, []))).toBe(90);
    expect(left(buildSnapshot(new Map([['targets', 1]]), 1, NOW))).toBe(7);
    expect(VALID_MS.timestamp / DAY).toBe(1);
  });
});

describe('signatures', () => {
  it('are replaced, sorted and independent of who signs first', async () => {
    const one = await signed(rootOne, signers.a, signers.b);
    const other = await addSignatures(await signed(rootOne, signers.b), [signers.a, signers.a]);
    expect(other).toMatchObject({ ok: true, value: one });
    expect(modelRole('acme', 'wear')).toBe('acme~wear');
  });
});
