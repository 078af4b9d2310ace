import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Entry, Up } from '@drover/wire/messages';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Db, openDatabase } from '../store/database.ts';
import { openOutbox } from '../store/outbox.ts';
import { makeUplink } from './uplink.ts';

const ID = '1'.repeat(32);
const entry: Entry = { subject: '', at: 5, body: { kind: 'log', level: 30, message: 'm' } };
let dir: string;
let db: Db;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-uplink-'));
  const opened = openDatabase(dir);
  if (!opened.ok) throw new Error(opened.detail);
  db = opened.value;
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A process of the agent that starts with what the one before left. */
function begin() {
  const outbox = openOutbox(db, () => ID);
  const sent: Up[] = [];
  const ignored: number[] = [];
  const uplink = makeUplink({
    outbox,
    bootId: 'b'.repeat(32),
    now: () => 0,
    mono: () => 0,
    random: () => 0.5,
    send: (up) => void sent.push(up),
    onIgnoredAck: ({ lastSeq }) => void ignored.push(lastSeq),
    onRefused: () => undefined,
  });
  const ack = (lastSeq: number) => uplink.onAck({ outboxId: ID, lastSeq, refused: [], paceMs: 0 });
  return { outbox, uplink, sent, ignored, ack };
}

describe('the uplink of a process that begins', () => {
  it('believes the ack of what the process before sent, and none beyond what was ever there', () => {
    const before = begin();
    for (let i = 0; i < 3; i++) before.outbox.append(entry);
    const { outbox, uplink, ignored, ack } = begin();
    // The hub says at hello how far it is, before this process has sent anything.
    ack(2);
    expect([ignored, outbox.counts().entries]).toEqual([[], 1]);
    ack(4);
    expect([ignored, outbox.counts().entries]).toEqual([[4], 1]);
    uplink.stop();
  });

  it('does not believe an ack of an entry that it has not sent yet', () => {
    const { outbox, uplink, sent, ignored, ack } = begin();
    outbox.append(entry);
    ack(1);
    expect([ignored, outbox.counts().entries]).toEqual([[1], 1]);
    uplink.start();
    ack(1);
    expect([sent.length, ignored, outbox.counts().entries]).toEqual([1, [1], 0]);
    uplink.stop();
  });
});
