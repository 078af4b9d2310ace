// Owns the byte form of what is known of one feature of one device, so that it outlives the windows that it was learnt from.
// Never folds one.
import { type ByteReader, ByteWriter } from '@drover/sketch/codec';
import { MOST_COUNTED, PLACES } from './places.ts';
import type { Series } from './series.ts';
import { ASPECTS, type FeatureState, newFeature } from './verdict.ts';

/** Of the bytes and of what they mean: another detector begins anew from the windows that are kept. */
export const CHECKPOINT_FORMAT = 1;

function writeSeries(writer: ByteWriter, series: Series): void {
  const { past, season } = series;
  writer.varint(series.windows);
  if (series.windows === 0) return;
  for (let i = 0; i < Math.min(series.windows, series.recent.length); i++) writer.float32(series.recent[i] as number);
  writer.varint(series.waiting);
  writer.varint(series.gathering);
  writer.varint(series.calm);
  writer.varint(series.pairs);
  for (const number of [series.kept, series.evidence, series.products, series.lastRank, past.centre, past.scale])
    writer.float64(number);
  for (const count of past.counts) writer.varint(count);
  if (!season) return;
  for (const hour of series.hours) writer.byte(hour);
  for (const mean of season.means) writer.float32(mean);
  for (const windows of season.windows) writer.varint(windows);
  writer.float64(season.squares);
  writer.varint(season.taken);
  writer.byte(season.isUsed ? 1 : 0);
}

/** Fills an empty series. Sets `failed` on what cannot be. */
function readSeries(reader: ByteReader, series: Series): void {
  const { past, season } = series;
  series.windows = reader.varint();
  if (series.windows === 0) return;
  for (let i = 0; i < Math.min(series.windows, series.recent.length); i++) series.recent[i] = reader.float32();
  series.waiting = reader.varint(series.recent.length);
  series.gathering = reader.varint();
  series.calm = reader.varint();
  series.pairs = reader.varint();
  series.kept = reader.float64();
  series.evidence = reader.float64();
  series.products = reader.float64();
  series.lastRank = reader.float64();
  past.centre = reader.float64();
  past.scale = reader.float64();
  for (let i = 0; i < PLACES; i++) {
    past.counts[i] = reader.varint(MOST_COUNTED);
    past.counted += past.counts[i] as number;
  }
  if (past.counted > MOST_COUNTED || !(past.scale > 0) || !(series.kept >= 0 && series.kept < 1) || series.evidence < 0)
    reader.fail();
  if (!season) return;
  for (let i = 0; i < series.hours.length; i++) series.hours[i] = Math.min(season.means.length - 1, reader.byte());
  for (let i = 0; i < season.means.length; i++) season.means[i] = reader.float32();
  for (let i = 0; i < season.windows.length; i++) season.windows[i] = reader.varint(0xffff);
  season.squares = reader.float64();
  season.taken = reader.varint();
  season.isUsed = reader.byte() === 1;
}

export function writeFeature(writer: ByteWriter, state: FeatureState): void {
  writer.varint(state.seed);
  writer.varint(state.windows);
  // 0 stands for "never told": no window began in 1970.
  writer.varint(Number.isNaN(state.firstAt) ? 0 : state.firstAt);
  writer.byte((state.runsOften ? 1 : 0) | (state.dropsOften ? 2 : 0));
  for (const aspect of ASPECTS) writeSeries(writer, state.series[aspect]);
}

/** What writeFeature wrote; look at `failed` of the reader before it is used. */
export function readFeature(reader: ByteReader): FeatureState {
  const state = newFeature(reader.varint(0xffff_ffff));
  state.windows = reader.varint();
  const firstAt = reader.varint();
  state.firstAt = firstAt === 0 ? Number.NaN : firstAt;
  const flags = reader.byte();
  state.runsOften = (flags & 1) === 1;
  state.dropsOften = (flags & 2) === 2;
  for (const aspect of ASPECTS) readSeries(reader, state.series[aspect]);
  return state;
}

/** For tests and callers with one feature. */
export function encodeFeature(state: FeatureState): Uint8Array {
  const writer = new ByteWriter();
  writeFeature(writer, state);
  return writer.finish();
}
