import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isTeam,
  metadataFile,
  modelRole,
  parseMetadataFile,
  parseRole,
  parseTargetFile,
  parseTargetPath,
  parseTeam,
  TOP_ROLES,
  targetFile,
  targetPath,
  writeRole,
} from './names.ts';

const team = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,30}$/).filter(isTeam);
const model = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const version = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);

describe('names of the release metadata', () => {
  it('read back what was written', () => {
    fc.assert(
      fc.property(team, model, version, sha256, (team, model, version, sha256) => {
        const name = { team, model, version };
        const path = targetPath(name);
        expect(parseTargetPath(path)).toEqual({ ok: true, value: name });
        expect(parseTargetFile(targetFile(path, sha256))).toEqual({ ok: true, value: { path, sha256 } });
        const role = parseRole(modelRole(team, model));
        expect(role).toEqual({ ok: true, value: { kind: 'model', team, model } });
        if (role.ok) expect(writeRole(role.value)).toBe(modelRole(team, model));
        for (const role of [team, modelRole(team, model), 'root', 'targets', 'snapshot'])
          expect(parseMetadataFile(metadataFile(role, version))).toEqual({ ok: true, value: { role, version } });
      }),
    );
    expect(parseMetadataFile(metadataFile('timestamp', 7))).toEqual({
      ok: true,
      value: { role: 'timestamp', version: undefined },
    });
  });

  it('never throw, and accept only what they would write themselves', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.stringMatching(/^[a-z0-9~./-]{0,40}(\.json)?$/),
      fc.constantFrom(
        '',
        '/',
        '~',
        '.json',
        '1.json',
        '../../etc/passwd',
        '1..json',
        '01.root.json',
        '1.timestamp.json',
      ),
    );
    fc.assert(
      fc.property(text, (text) => {
        const path = parseTargetPath(text);
        if (path.ok) expect(targetPath(path.value)).toBe(text);
        const file = parseMetadataFile(text);
        if (file.ok) expect(metadataFile(file.value.role, file.value.version ?? 1)).toBe(text);
        const target = parseTargetFile(text);
        if (target.ok) expect(targetFile(target.value.path, target.value.sha256)).toBe(text);
        const role = parseRole(text);
        if (role.ok) expect(writeRole(role.value)).toBe(text);
      }),
    );
  });

  it.each([...TOP_ROLES, '', 'Acme', 'a.b', 'a~b', 'a/b', '-a', 'a'.repeat(32)])('refuse the team "%s"', (name) => {
    expect(parseTeam(name)).toMatchObject({ ok: false, code: 'team_invalid' });
  });

  it.each([
    ['acme/wear/0.json'],
    ['acme/wear/01.json'],
    ['acme/wear/9007199254740993.json'],
    ['acme/../1.json'],
    ['acme/wear/x/1.json'],
    ['/wear/1.json'],
    ['acme/wear/1.json/'],
    ['acme/Wear/1.json'],
  ])('refuse the path %s', (path) => {
    expect(parseTargetPath(path)).toMatchObject({ ok: false, code: 'metadata_name_invalid' });
  });
});
