// Decides how a captured row is shown: its values under the names that its manifest gives them. Pure.
import type { Manifest } from '@drover/trust/documents';
import type { SampleView } from '@drover/wire/http/samples';
import type { SampleRow } from '../db/samples.ts';

export const writeFloats = (values: readonly number[]): Uint8Array => {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) bytes.writeDoubleLE(value, i * 8);
  return bytes;
};

const readFloats = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 3 }, (_, i) => view.getFloat64(i * 8, true));
};

/** The latest time that a Date can hold: a device may say a later one. */
const LATEST_MS = 8.64e15;

/** JSON has no NaN and no infinity. */
const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null;

/** Names for places that no manifest names: the version was removed, or is of another hub. */
const nameless = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind}${i}`);

/**
 * @param manifest undefined where the hub does not hold the version.
 * @param suspect fields that a sensor at fault spoiled (suspect.ts).
 */
export function viewSample(
  row: SampleRow,
  manifest: Manifest | undefined,
  suspect: readonly string[] = [],
): SampleView {
  const numbers = readFloats(row.numbers);
  const texts = JSON.parse(row.textsJson) as string[];
  const withheld = JSON.parse(row.withheldJson) as string[];
  const namesOf = (kind: 'numeric' | 'categorical', count: number): string[] =>
    manifest?.features.filter((feature) => feature.kind === kind).map(({ name }) => name) ?? nameless(kind, count);
  const named = [
    ...namesOf('numeric', numbers.length).map((name, i) => [name, finite(numbers[i])] as const),
    ...namesOf('categorical', texts.length).map((name, i) => [name, texts[i] || null] as const),
  ];
  const head = {
    device: row.device, predictionId: row.predictionId, slot: row.slot, manifest: row.manifest,
    model: manifest?.model ?? null, version: manifest?.version ?? null, at: new Date(Math.min(row.at, LATEST_MS)).toISOString(),
    why: row.why as SampleView['why'], score: row.score, withheld, suspect: [...suspect],
    fields: Object.fromEntries(named.filter(([name]) => !withheld.includes(name))),
  }; // biome-ignore format: one record
  const scores = readFloats(row.scores);
  if (row.classIndex < 0) return { ...head, value: finite(scores[0]) };
  const task = manifest?.task;
  const classes = task?.kind === 'classification' ? task.classes : nameless('class', scores.length);
  return {
    ...head,
    label: classes[row.classIndex] ?? String(row.classIndex),
    probabilities: Object.fromEntries(scores.map((score, i) => [classes[i] ?? String(i), finite(score)])),
  };
}
