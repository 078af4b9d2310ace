// Owns the file of checkpoints that an auditor can copy away: appended line by line, synced, 0600. Never signs one and
// never takes one back.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { encodeAuditLine, parseAuditLine } from '@drover/trust/audit/lines';
import type { SignedEnvelope } from '@drover/wire/messages';

/** A line has less than 1 KiB. */
const TAIL_BYTES = 16 * 1024;

/** The last whole line of the file, read without a look at its size; what a power cut left behind it is cut off. */
export function openCheckpointFile(file: string): SignedEnvelope | undefined {
  const fd = openSync(file, 'a+', 0o600);
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, tail, 0, tail.length, size - tail.length);
    const end = tail.lastIndexOf(10) + 1;
    if (end < tail.length) ftruncateSync(fd, size - tail.length + end);
    const start = end > 1 ? tail.lastIndexOf(10, end - 2) + 1 : 0;
    const line = parseAuditLine(tail.subarray(start, end).toString('utf8'), 1);
    return line.ok && line.value.type === 'checkpoint' ? line.value.envelope : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Appends and syncs: what is in the file survives a power cut. */
export function appendCheckpoints(file: string, envelopes: readonly SignedEnvelope[]): void {
  if (envelopes.length === 0) return;
  const fd = openSync(file, 'a', 0o600);
  try {
    writeSync(fd, envelopes.map((envelope) => encodeAuditLine({ type: 'checkpoint', envelope })).join(''));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
