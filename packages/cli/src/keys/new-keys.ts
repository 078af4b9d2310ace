// Makes the keys that a ceremony needs, under names that say what they are for, or takes the public ones that custodians
// handed over. Never replaces a file.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Cli } from '../commands/common.ts';
import { askNewPassphrase, makeKeyAt, type PassphraseOptions, type PublicKey, readPublicKey } from './open-keys.ts';

/** Passphrases for the people's keys and for the hub's: a hub that reads a file must not open the keys of people. */
export interface NewKeyOptions extends PassphraseOptions {
  readonly hubPassphraseFile?: string;
  readonly plain?: boolean;
}

export interface KeyMaker {
  /** `count` keys for people, in `dir`. */
  forPeople(role: string, count: number, dir: string): Promise<PublicKey[]>;
  /** The passphrase of the keys that were made for people; undefined when none was made, or in plain. */
  readonly peoplePassphrase: () => Promise<string> | undefined;
  /** One key for the hub, in `<data>/keys`. */
  forHub(role: string, data: string): Promise<PublicKey>;
}

/** `root-1.key`, `root-2.key`, …: the first number that is free. */
function freeName(dir: string, role: string, extension: string, first: string | undefined): string {
  if (first !== undefined && !existsSync(path.join(dir, `${first}.key`)) && !existsSync(path.join(dir, `${first}.pem`)))
    return path.join(dir, `${first}.${extension}`);
  for (let number = first === undefined ? 1 : 2; ; number++) {
    const name = `${role}-${number}`;
    if (!existsSync(path.join(dir, `${name}.key`)) && !existsSync(path.join(dir, `${name}.pem`)))
      return path.join(dir, `${name}.${extension}`);
  }
}

export function openKeyMaker(cli: Cli, options: NewKeyOptions): KeyMaker {
  let people: Promise<string> | undefined;
  let hub: Promise<string> | undefined;
  const extension = options.plain ? 'pem' : 'key';
  const hubSource: PassphraseOptions =
    options.hubPassphraseFile === undefined ? options : { passphraseFile: options.hubPassphraseFile };
  return {
    async forPeople(role, count, dir) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const made: PublicKey[] = [];
      for (let i = 0; i < count; i++) {
        const passphrase = options.plain
          ? undefined
          : await (people ??= askNewPassphrase(cli, options, `the keys in ${dir}`));
        made.push(await makeKeyAt(freeName(dir, role, extension, undefined), role, passphrase));
      }
      return made;
    },
    peoplePassphrase: () => people,
    async forHub(role, data) {
      const dir = path.join(data, 'keys');
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const passphrase = options.plain
        ? undefined
        : await (hub ??= askNewPassphrase(cli, hubSource, `the keys of the hub in ${dir}`));
      return makeKeyAt(freeName(dir, role, extension, role), role, passphrase);
    },
  };
}

/** Public keys that were handed over, or new ones. */
export const takeOrMake = async (
  cli: Cli,
  given: readonly string[] | undefined,
  make: () => Promise<PublicKey[]>,
): Promise<PublicKey[]> =>
  given === undefined || given.length === 0 ? make() : given.map((file) => readPublicKey(cli, file));
