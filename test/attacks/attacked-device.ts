// A device's release client over a repository that a test attacks: in memory, on a clock of its own, with its folder on the
// real disk so that a test can say that nothing in it changed.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accept, type ReasonCode, type Result } from '@drover/core/reasons';
import { TufRepo } from '@drover/testkit/tuf-repo';
import { type ClientTiming, openReleaseClient, type ReleaseClient } from '@drover/trust/tuf/client';
import { installFactoryRoot } from '@drover/trust/tuf/metadata-folder';
import type { MetadataSource } from '@drover/trust/tuf/metadata-source';
import { expect } from 'vitest';

export const DAY = 86_400_000;
export const START = Date.parse('2026-11-25T12:00:00Z');
export const PATH = 'hub/wear/1.json';
export const payloadOf = (text: string): Uint8Array => Buffer.from(`{"manifest":"${text}"}`);
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function readTree(folder: string): string[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const file = path.join(folder, name);
      if (statSync(file).isDirectory()) return readTree(file).map((line) => `${name}/${line}`);
      return [`${name} ${sha256(readFileSync(file))}`];
    });
}

export interface Device {
  readonly dir: string;
  /** What is served; a test replaces files or the whole function. */
  repo: TufRepo;
  clock: number;
  source: MetadataSource['fetch'];
  readonly client: ReleaseClient;
  /** Opens the client anew, as after a restart. */
  restart(options?: { release?: 'any' | 'person'; builtAt?: number; timing?: ClientTiming }): ReleaseClient;
  /** The device holds the metadata of version 1 of the model. */
  settle(): Promise<void>;
  /** The attack is refused by its code, and the disk is as it was. */
  expectRefused(code: ReasonCode, path?: string): Promise<void>;
  file(name: string): Uint8Array;
  /** Names of the files that were asked for. */
  readonly asked: string[];
  /** Every file of the folder with its digest. */
  tree(): string[];
  end(): void;
}

export function makeDevice(repo = new TufRepo({ now: START })): Device {
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-attack-'));
  const root = repo.files.get('1.root.json');
  if (!root) throw new Error('the repository has no first root');
  installFactoryRoot(dir, root);
  const asked: string[] = [];
  let client: ReleaseClient | undefined;
  const device: Device = {
    dir,
    repo,
    clock: START + 1000,
    source: (name) => Promise.resolve(accept(device.repo.files.get(name))),
    get client() {
      return client ?? device.restart();
    },
    restart(options = {}) {
      const opened = openReleaseClient({
        dir,
        source: {
          fetch: (name, mostBytes, signal) => {
            asked.push(name);
            return device.source(name, mostBytes, signal);
          },
        },
        now: () => device.clock,
        ...options,
      });
      if (!opened.ok) throw new Error(`${opened.code}: ${opened.detail}`);
      client = opened.value;
      return client;
    },
    asked,
    async settle() {
      expect(codeOf(await device.client.find(PATH))).toBe('accepted');
    },
    async expectRefused(code, wanted = PATH) {
      const before = device.tree();
      const found = await device.client.find(wanted);
      expect(found, JSON.stringify(found)).toMatchObject({ ok: false, code });
      expect(device.tree()).toEqual(before);
    },
    file(name) {
      const file = device.repo.files.get(name);
      if (!file) throw new Error(`the repository has no ${name}`);
      return file;
    },
    tree: () => readTree(dir),
    end: () => rmSync(dir, { recursive: true, force: true }),
  };
  return device;
}

export const codeOf = (result: Result<unknown>): ReasonCode | 'accepted' => (result.ok ? 'accepted' : result.code);
