// Reads what another process has used, from /proc: CPU time and memory. Linux only; never stops or signals the process.
import { readFileSync, writeFileSync } from 'node:fs';

/** Clock ticks per second in /proc (sysconf(_SC_CLK_TCK)): 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of CPU, user and system, of all its threads since it started. */
export function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function readStatusKb(pid: number, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!line) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(line[1]);
}

const KB_IN_MB = 1e6 / 1024;

/** Resident memory now, in MB (10^6). */
export const readRssMb = (pid: number): number => readStatusKb(pid, 'VmRSS') / KB_IN_MB;
/** The most that was resident at any time, in MB (10^6). */
export const readPeakRssMb = (pid: number): number => readStatusKb(pid, 'VmHWM') / KB_IN_MB;

/** From now on `readPeakRssMb` counts anew (Linux: 5 in clear_refs resets the high-water mark). */
export const resetPeakRss = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');
