// Reads what the operating system tells of the machine: how busy, how warm, what memory is left. What it does not tell is left out.
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import type { Reading } from '@drover/wire/messages';

/** Linux names each sensor of the machine a zone; its temperature is in thousandths of a degree. */
const THERMAL = '/sys/class/thermal';
/** What lies beyond is a broken sensor. */
const COLDEST = -60;
const HOTTEST = 200;

/** The warmest zone, in degrees Celsius; undefined where there is none. */
export function readTemperature(folder = THERMAL): number | undefined {
  let zones: string[];
  try {
    zones = readdirSync(folder).filter((name) => name.startsWith('thermal_zone'));
  } catch {
    // Not Linux, or a machine without sensors.
    return undefined;
  }
  const degrees = zones.flatMap((zone) => {
    try {
      const text = readFileSync(`${folder}/${zone}/temp`, 'utf8').trim();
      return /^-?\d+$/.test(text) ? [Number(text) / 1000] : [];
    } catch {
      // A zone that is switched off answers an error.
      return [];
    }
  });
  const known = degrees.filter((value) => value > COLDEST && value < HOTTEST);
  return known.length === 0 ? undefined : Math.max(...known);
}

interface Times {
  readonly busy: number;
  readonly all: number;
}

function readTimes(): Times {
  let [busy, all] = [0, 0];
  for (const { times } of os.cpus()) {
    const sum = times.user + times.nice + times.sys + times.irq + times.idle;
    busy += sum - times.idle;
    all += sum;
  }
  return { busy, all };
}

/** @returns what reads the machine; shares are of the time since the last reading. */
export function makeMachineReader(): () => Reading[] {
  let last = readTimes();
  return () => {
    const now = readTimes();
    const all = now.all - last.all;
    const busy = all > 0 ? (now.busy - last.busy) / all : undefined;
    last = now;
    const temperature = readTemperature();
    return [
      { name: 'machine_memory_free', value: os.freemem() },
      ...(busy === undefined ? [] : [{ name: 'machine_cpu', value: Math.min(1, Math.max(0, busy)) }]),
      ...(temperature === undefined ? [] : [{ name: 'temperature', value: temperature }]),
    ];
  };
}
