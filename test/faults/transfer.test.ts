// A transfer of many chunks ends right and goes on where it stopped, whatever ends it: kill -9 before each durable write, a disk
// that is full at each of them, kill -9 of the hub at each of its steps, a link that cuts, freezes, throttles, damages and repeats.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type HubProgram, remove, samePorts, scratch, startHub } from '@drover/testkit/fleet';
import { missOut, mountSmallDisk } from '@drover/testkit/host';
import { readHubRows } from '@drover/testkit/hub-tables';
import { type Linked, receivedBy, rollOut, runLinked } from '@drover/testkit/linked-agent';
import { askOffset, readStatus, registerOffset, waitOnline } from '@drover/testkit/offset';
import { killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import { chunkListOf } from '@drover/trust/chunk-list';
import { CHUNK_BYTES as CHUNK } from '@drover/wire/limits';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTransfer } from '../../agent/src/fetch/transfer.ts';
import { type BlobRef, openBlobStore } from '../../agent/src/store/blobs.ts';

const MB = 1024 * 1024;
/** What may come again: what was not flushed yet, and the chunk that was being written. */
const AGAIN = MB + CHUNK;
const ENV = { DROVER_HUB_PROBATION_SECONDS: '0', DROVER_HUB_WINDOW_SECONDS: '900' };
const preload = ['--import', new URL('../../packages/testkit/src/crash-preload.ts', import.meta.url).href];

let dir: string;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  dir = scratch('transfer');
});
afterEach(async () => {
  await killAll();
  for (const close of closing.splice(0).toReversed()) await close();
  remove(dir);
});

describe('a device in the middle of a transfer', () => {
  it('killed before any durable write goes on, and at most a flush and a chunk come again', async () => {
    const file = path.join(dir, 'artifact');
    const armed = path.join(dir, 'crash-at');
    writeFileSync(file, randomBytes(9 * CHUNK + 777));
    const run = async (data: string): Promise<{ exit: unknown; given: number; isWhole: boolean; output: string }> => {
      const env = { DROVER_CRASH_FILE: armed, DROVER_CRASH_DATA: '1' };
      const program = start(path.join(import.meta.dirname, 'transfer-main.ts'), [file, data], env, preload);
      const exit = await program.waitForExit();
      const lines = program.output().trim().split('\n');
      return { exit, given: lines.filter((l) => /^\d+$/.test(l)).length, isWhole: lines.at(-1) === 'whole', output: program.output() }; // biome-ignore format: one record
    };
    const died: string[] = [];
    for (let point = 1; ; point++) {
      expect(point, 'a transfer has fewer durable writes than this').toBeLessThan(80);
      const data = path.join(dir, `device-${point}`);
      writeFileSync(armed, String(point));
      const first = await run(data);
      rmSync(armed);
      if (first.exit === 0) {
        expect(first).toMatchObject({ isWhole: true, given: 10 });
        break;
      }
      expect(first.exit, first.output).toBe('SIGKILL');
      died.push(readFileSync(`${armed}.log`, 'utf8').trim().split('\n').at(-1) ?? '');
      const second = await run(data);
      expect(second, `after a kill before write ${point} (${died.at(-1)})`).toMatchObject({ exit: 0, isWhole: true });
      expect(first.given + second.given - 10).toBeLessThanOrEqual(AGAIN / CHUNK);
    }
    for (const kind of [/^write at/, /^fdatasync in/, /^fdatasync$/, /^rename /, /^fsync/])
      expect(
        died.some((what) => kind.test(what)),
        `${kind}`,
      ).toBe(true);
    expect(died.length).toBeGreaterThan(25);
  });

  it('whose disk is full at any write keeps what it has, says so, and goes on when there is room', async (context) => {
    const disk = mountSmallDisk(path.join(dir, 'disk'), 16 * MB);
    if (typeof disk === 'string') return missOut(context, `full disks need a small file system: ${disk}`);
    closing.push(disk.unmount);
    const content = randomBytes(9 * CHUNK + 777);
    const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    const list = chunkListOf(content) ?? content;
    const listRef = { sha256: sha(list), size: list.length };
    const ballast = path.join(disk.dir, 'ballast');
    const freeBytes = (): number => {
      const { bavail, bsize } = statfsSync(disk.dir);
      return bavail * bsize;
    };
    let refused = 0;
    // From no room at all to room for everything, in steps that end in the middle of chunks too.
    for (let leave = 0; leave < content.length + 128 * 1024; leave += 88 * 1024) {
      const store = openBlobStore(path.join(disk.dir, `device-${leave}`));
      const lists = await store.openPart(listRef);
      lists.write(0, list);
      expect(await lists.finish()).toMatchObject({ ok: true });
      const ref: BlobRef = { sha256: sha(content), size: content.length, chunkList: listRef.sha256 };
      const counted = { chunks: 0, bytes: 0, bad: 0, duplicate: 0 };
      const bring = async (): Promise<string | undefined> => {
        const part = await store.openPart(ref);
        try {
          const transfer = makeTransfer(ref, { part, counts: () => counted, onProgress: () => undefined });
          for (let i = part.held.nextMissing(0); i < part.held.chunks; i = part.held.nextMissing(i + 1)) {
            const taken = transfer.take(i, content.subarray(i * CHUNK, (i + 1) * CHUNK), 'mqtt');
            if (taken === 'full') return transfer.trouble?.code;
            expect(taken).toBe('taken');
            await turn();
          }
          expect(await part.finish()).toMatchObject({ ok: true });
          return undefined;
        } finally {
          part.close();
        }
      };
      // A flush that was under way holds the last file for a moment after it was removed.
      await until('the room of the step before', () => freeBytes() > 16 * MB - CHUNK);
      writeFileSync(ballast, Buffer.alloc(freeBytes() - leave));
      const said = await bring().catch((error: unknown) => (error as NodeJS.ErrnoException).code);
      if (said !== undefined) {
        expect(['disk_full', 'ENOSPC']).toContain(said);
        expect(store.has(ref)).toBe(false);
        refused += 1;
      }
      rmSync(ballast);
      if (said !== undefined) expect(await bring()).toBeUndefined();
      expect(counted.bytes - content.length).toBeLessThanOrEqual(AGAIN);
      expect(store.read(ref)).toMatchObject({ ok: true });
      rmSync(path.join(disk.dir, `device-${leave}`), { recursive: true });
    }
    expect(refused).toBeGreaterThan(20);
    return undefined;
  });
});

describe('between hub and device', () => {
  const rigs: Linked[] = [];
  let hub: HubProgram;
  const begin = async (names: readonly string[]): Promise<void> => {
    hub = await startHub(path.join(dir, 'hub'), [], ENV);
    for (const name of names) {
      const rig = await runLinked(hub, dir, name);
      rigs.push(rig);
      closing.push(() => rig.proxy.close());
    }
    closing.push(() => void rigs.splice(0));
  };
  const crash = async (): Promise<void> => {
    const ports = samePorts(hub);
    await hub.kill();
    hub = await startHub(path.join(dir, 'hub'), ports, ENV);
    for (const { id } of rigs) await waitOnline(hub, id, 60_000);
  };

  it('kill -9 of the hub at any step costs nothing that had come', { timeout: 300_000 }, async () => {
    await begin(['a', 'b', 'c']);
    const [a] = rigs;
    if (!a) throw new Error('no device');
    const slow = (rate: number): void => {
      for (const { proxy } of rigs) proxy.throttle(rate);
    };
    // Before the first chunk, between list and blob, in the middle: by what had come to the one when the hub dies.
    const { version } = await registerOffset(hub, 100, 3 * MB);
    slow(MB);
    let own = await rollOut(hub, version, ['a']);
    await crash();
    await until('the list', async () => (await receivedBy(a)) > 0);
    await crash();
    await until('the middle', async () => (await receivedBy(a)) > MB);
    await crash();
    slow(0);
    await own.committed('a', 90_000);
    const came = await receivedBy(a);
    expect(came).toBeLessThan(3 * MB + CHUNK);
    // And in the middle of a broadcast.
    const second = await registerOffset(hub, 200, 4 * MB);
    slow(MB);
    own = await rollOut(hub, second.version, ['a', 'b', 'c']);
    await until('a broadcast', async () => ((await readStatus(a.agent)).delivery['broadcast']?.bytes ?? 0) > 0);
    await crash();
    slow(0);
    for (const { id, agent } of rigs) {
      await own.committed(id, 90_000);
      expect(await askOffset(agent)).toBe(200);
      for (const { bad } of Object.values((await readStatus(agent)).delivery)) expect(bad).toBe(0);
    }
    expect((await receivedBy(a)) - came).toBeLessThan(4 * MB + CHUNK);
  });

  it('a link that cuts, freezes, damages and repeats gives no wrong byte, and what came stays', {
    timeout: 240_000,
  }, async () => {
    await begin(['a']);
    const [a] = rigs;
    if (!a) throw new Error('no device');
    const { proxy } = a;
    const { version } = await registerOffset(hub, 100, 4 * MB);
    proxy.throttle(MB);
    const own = await rollOut(hub, version, ['a']);
    const more = async (): Promise<unknown> => {
      const before = await receivedBy(a);
      return until('more of it', async () => (await receivedBy(a)) > before + CHUNK, 60_000);
    };
    await more();
    proxy.cut();
    await more();
    proxy.freeze(true);
    const at = await receivedBy(a);
    const end = performance.now() + 1500;
    await until('a while without a byte', () => performance.now() > end);
    proxy.freeze(false);
    expect(at).toBeGreaterThan(0);
    await more();
    // One bit: a chunk that is not what the list says, or a length that is wrong, after which the stream makes no sense.
    const damagedAt = proxy.bytes.toClient + 150_000;
    proxy.corrupt(150_000);
    await until('a damaged bit', () => proxy.bytes.toClient > damagedAt, 60_000);
    proxy.corrupt(0);
    proxy.cut();
    await more();
    proxy.repeat(150_000);
    await until('a repetition', () => proxy.repeated() > 0, 60_000);
    proxy.repeat(0);
    proxy.cut();
    proxy.throttle(0);
    await own.committed('a', 90_000);
    expect(await askOffset(a.agent)).toBe(100);
    const taken = await receivedBy(a);
    expect(taken).toBeLessThan(4 * MB + CHUNK);
    expect(existsSync(path.join(a.data, 'blobs'))).toBe(true);
  });

  it('a command passes what is on the way to a slow device: no more than 2 s of its rate lies before it', async () => {
    await begin(['a']);
    const [a] = rigs;
    if (!a) throw new Error('no device');
    const rate = 650_000;
    a.proxy.throttle(rate);
    const { version } = await registerOffset(hub, 100, 8 * MB);
    const own = await rollOut(hub, version, ['a']);
    await until('the middle', async () => (await receivedBy(a)) > 3 * MB, 60_000);
    // What the proxy passed when the command was given, and what it had passed when the command came by.
    const before = a.proxy.bytes.toClient;
    const predictionId = `${'0'.repeat(32)}-1`;
    const passedAt = a.proxy.lookFor(predictionId);
    const labels = [{ predictionId, truth: 1 }];
    const { commands } = await hub.post<{ commands: string[] }>('/api/v1/labels', { device: 'a', labels });
    expect(commands).toHaveLength(1);
    const between = (await until('the command', passedAt)) - before;
    await until(
      'the answer to the command',
      () => readHubRows(hub.data, "SELECT id FROM cmds WHERE state = 'answered'").length > 0,
    );
    expect((await own.of('a'))?.state).toBe('downloading');
    expect(between).toBeLessThan(2 * rate);
  });
});
