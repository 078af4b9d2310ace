// Decides whether bytes are a baseline that can be counted on. Never computes statistics; untrusted input, bounded.

import {
  BASELINE_TYPE,
  type Baseline,
  type BaselineFeature,
  type BaselineOutput,
  type BaselineSource,
  type ClassBins,
  type Derivation,
  MAX_BASELINE_BYTES,
  MAX_DICTIONARY,
  MAX_FEATURES,
  MAX_MAGNITUDE,
  MAX_NAME,
  MAX_SOURCES,
  MIN_SCALE,
  type NoveltyCuts,
  type NumericDistribution,
  TAKES,
  type Take,
  type TogetherMoments,
  TRUTHS,
} from './baseline-document.ts';
import { MAX_FLOAT32, nextUp } from './float32.ts';
import { MAX_CUTS, MIN_CUTS, TAIL_BINS } from './ref-hist.ts';
import { accept, refuse, type SketchResult } from './result.ts';
import { MAX_CLASSES, SCORE_BINS } from './scores.ts';
import { type ImageShape, MAX_TENSOR, TENSOR_PROJECTIONS } from './tensor-measures.ts';
import { MAX_VOCABULARY } from './text-measures.ts';
import { MOST_MULTIPLIED, PROJECTIONS } from './together.ts';
import { decodeUtf8 } from './utf8.ts';

/** Beyond −ln of the rarest bin that counts can tell. */
const MAX_SURPRISE = 100;
/** Of a regression whose answers hardly vary it can be large. */
const MAX_INFLUENCE = 1e6;
/** Beyond the square of the farthest projection. */
const MAX_TOGETHER = 600;

/** Parses and checks a baseline document. Fields that are not known are left out; every number is within the stated limits. */
export function parseBaseline(bytes: Uint8Array): SketchResult<Baseline> {
  if (bytes.length > MAX_BASELINE_BYTES)
    return refuse('baseline_invalid', `${bytes.length} bytes, limit ${MAX_BASELINE_BYTES}`);
  const text = decodeUtf8(bytes);
  if (text === undefined) return refuse('baseline_invalid', 'not UTF-8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return refuse('baseline_invalid', 'not JSON');
  }
  const check = new Check();
  const baseline = readBaseline(check, document);
  return check.problem === undefined ? accept(baseline) : refuse('baseline_invalid', check.problem);
}

/** Reads fields of unknown values; keeps the first problem and goes on with harmless values, so that readers have no exits. */
class Check {
  problem: string | undefined;

  say(problem: string): void {
    this.problem ??= problem;
  }

  field(value: unknown, key: string): unknown {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return Object.getOwnPropertyDescriptor(value, key)?.value;
  }

  number(value: unknown, where: string, low: number, high: number): number {
    if (typeof value === 'number' && value >= low && value <= high) return value + 0;
    this.say(`${where} is not a number in range`);
    return 0;
  }

  count(value: unknown, where: string): number {
    const n = this.number(value, where, 0, Number.MAX_SAFE_INTEGER);
    if (!Number.isInteger(n)) this.say(`${where} is not a count`);
    return n;
  }

  list<T>(value: unknown, where: string, least: number, most: number, read: (item: unknown) => T): T[] {
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      this.say(`${where} is not a list of ${least} to ${most}`);
      return [];
    }
    return value.map(read);
  }

  counts(value: unknown, where: string, length: number): number[] {
    let total = 0;
    const counts = this.list(value, where, length, length, (item) => {
      const n = this.count(item, where);
      total += n;
      return n;
    });
    if (total > Number.MAX_SAFE_INTEGER) this.say(`${where} overflows`);
    return counts;
  }

  word(value: unknown, where: string): number {
    const n = this.count(value, where);
    if (n > 0xffff_ffff) this.say(`${where} is too large`);
    return n;
  }

  name(value: unknown, where: string, least = 1): string {
    if (typeof value === 'string' && value.length >= least && value.length <= MAX_NAME) return value;
    this.say(`${where} is not a name`);
    return '';
  }

  distinct(names: readonly string[], where: string): void {
    if (new Set(names).size !== names.length) this.say(`${where} has the same name twice`);
  }
}

function readBaseline(check: Check, document: unknown): Baseline {
  if (check.field(document, 'type') !== BASELINE_TYPE) check.say(`the type is not ${BASELINE_TYPE}`);
  const rows = check.count(check.field(document, 'rows'), 'rows');
  const sources =
    check.field(document, 'sources') === undefined
      ? undefined
      : check.list(check.field(document, 'sources'), 'sources', 0, MAX_SOURCES, (source) => readSource(check, source));
  checkSources(check, sources ?? []);
  const features = check.list(check.field(document, 'features'), 'features', 0, MAX_FEATURES, (f) =>
    readFeature(check, f, sources ?? []),
  );
  check.distinct(
    features.map((f) => f.name),
    'features',
  );
  const output = check.field(document, 'output');
  return {
    type: BASELINE_TYPE,
    rows,
    features,
    ...(sources === undefined ? {} : { sources }),
    ...(output === undefined ? {} : { output: readOutput(check, output) }),
    ...(check.field(document, 'noveltyCuts') === undefined ? {} : { noveltyCuts: readNoveltyCuts(check, document) }),
    ...(check.field(document, 'together') === undefined
      ? {}
      : { together: readTogether(check, document, features.filter(({ kind }) => kind === 'numeric').length) }),
  };
}

function readTogether(check: Check, document: unknown, features: number): TogetherMoments {
  const where = 'together';
  const value = check.field(document, where);
  const isProjected = check.field(value, 'seed') !== undefined;
  if (!isProjected && (features < 2 || features > MOST_MULTIPLIED))
    check.say(`${features} features ${where} need a seed`);
  const size = isProjected ? PROJECTIONS : Math.min(features, MOST_MULTIPLIED);
  const numbers = (key: string, count: number): number[] =>
    check.list(check.field(value, key), `${key} ${where}`, count, count, (item) =>
      check.number(item, `${key} ${where}`, -MAX_TOGETHER, MAX_TOGETHER),
    );
  const means = numbers('means', size);
  const covariance = numbers('covariance', (size * (size + 1)) / 2);
  if (means.some((_, i) => !((covariance[(i * (i + 1)) / 2 + i] ?? 0) >= 0)))
    check.say(`a variance ${where} is negative`);
  if (!isProjected) return { means, covariance };
  const seed = check.word(check.field(value, 'seed'), `the seed ${where}`);
  return { seed, means, covariance };
}

function readNoveltyCuts(check: Check, document: unknown): NoveltyCuts {
  const where = 'noveltyCuts';
  const cuts = check.list(check.field(document, where), where, 3, 3, (cut) =>
    check.number(cut, where, 0, MAX_SURPRISE),
  );
  const [often = 0, seldom = 0, never = 0] = cuts;
  if (often > seldom || seldom > never) check.say('noveltyCuts descend');
  return [often, seldom, never];
}

function readSource(check: Check, value: unknown): BaselineSource {
  const name = check.name(check.field(value, 'name'), 'a source');
  const kind = check.field(value, 'kind');
  if (kind === 'text') {
    const where = `the vocabulary of ${name}`;
    const vocabulary = check.list(check.field(value, 'vocabulary'), where, 0, MAX_VOCABULARY, (item) =>
      check.word(item, where),
    );
    if (vocabulary.some((hash, i) => i > 0 && hash <= (vocabulary[i - 1] ?? 0))) check.say(`${where} does not ascend`);
    return { name, kind, vocabulary };
  }
  if (kind !== 'tensor') check.say(`the kind of the source ${name} is not known`);
  const size = readExtent(check, value, 'size', name);
  const seed = check.word(check.field(value, 'seed'), `the seed of ${name}`);
  const described = check.field(value, 'image');
  if (described === undefined) return { name, kind: 'tensor', size, seed };
  const image = readImage(check, described, name);
  if (image.height * image.width * image.channels !== size) check.say(`the image of ${name} has another size`);
  return { name, kind: 'tensor', size, seed, image };
}

function readExtent(check: Check, value: unknown, key: string, name: string): number {
  const extent = check.count(check.field(value, key), `the ${key} of ${name}`);
  if (extent < 1 || extent > MAX_TENSOR) check.say(`the ${key} of ${name} is not within 1 and ${MAX_TENSOR}`);
  return extent;
}

function readImage(check: Check, value: unknown, name: string): ImageShape {
  const [height = 0, width = 0, channels = 0] = ['height', 'width', 'channels'].map((key) =>
    readExtent(check, value, key, name),
  );
  const isChannelsLast = check.field(value, 'isChannelsLast');
  if (typeof isChannelsLast !== 'boolean') check.say(`isChannelsLast of ${name} is neither true nor false`);
  const [low = 0, high = 0] = ['low', 'high'].map(
    (key) => Math.fround(check.number(check.field(value, key), `${key} of ${name}`, -MAX_MAGNITUDE, MAX_MAGNITUDE)) + 0,
  );
  if (!(low < high)) check.say(`the pixels of ${name} have no range`);
  return { height, width, channels, isChannelsLast: isChannelsLast === true, low, high };
}

/** What it takes to measure them is bounded together: a byte a value. */
function checkSources(check: Check, sources: readonly BaselineSource[]): void {
  check.distinct(
    sources.map(({ name }) => name),
    'sources',
  );
  const values = sources.reduce((sum, source) => sum + (source.kind === 'tensor' ? source.size : 0), 0);
  if (values > MAX_TENSOR) check.say(`${values} values in all tensors, limit ${MAX_TENSOR}`);
}

function readFrom(
  check: Check,
  value: unknown,
  name: string,
  kind: unknown,
  sources: readonly BaselineSource[],
): { readonly from?: Derivation } {
  if (value === undefined) return {};
  const source = check.name(check.field(value, 'source'), `the source of ${name}`);
  const take = check.field(value, 'take');
  if (typeof take !== 'string' || !Object.hasOwn(TAKES, take)) {
    check.say(`what is taken for ${name} is not known`);
    return {};
  }
  const known = take as Take;
  const { of, makes } = TAKES[known];
  const found = sources.find((each) => each.name === source);
  const has = of === 'image' ? found?.kind === 'tensor' && found.image !== undefined : found?.kind === of;
  if (makes !== kind || (of !== 'field' && !has)) check.say(`there is no ${take} of ${source} for ${name}`);
  const index = known === 'projection' ? check.count(check.field(value, 'index'), `the index of ${name}`) : 0;
  if (index >= TENSOR_PROJECTIONS) check.say(`the index of ${name} is too large`);
  return { from: { source, take: known, index } };
}

function readFeature(check: Check, value: unknown, sources: readonly BaselineSource[]): BaselineFeature {
  const name = check.name(check.field(value, 'name'), 'a feature');
  const kind = check.field(value, 'kind');
  const used = check.field(value, 'influence');
  const derived = {
    ...readFrom(check, check.field(value, 'from'), name, kind, sources),
    ...(used === undefined ? {} : { influence: check.number(used, `the influence of ${name}`, 0, MAX_INFLUENCE) }),
  };
  if (kind === 'categorical') {
    const dictionary = check.list(
      check.field(value, 'dictionary'),
      `the dictionary of ${name}`,
      0,
      MAX_DICTIONARY,
      (item) => check.name(item, `a category of ${name}`, 0),
    );
    check.distinct(dictionary, `the dictionary of ${name}`);
    const refCounts = check.counts(check.field(value, 'refCounts'), `refCounts of ${name}`, dictionary.length + 2);
    if (derived.from?.take === 'truth' && dictionary.join() !== TRUTHS.join())
      check.say(`the dictionary of ${name} is not ${TRUTHS.join(' and ')}`);
    return { name, kind, ...derived, dictionary, refCounts };
  }
  if (kind !== 'numeric') check.say(`the kind of ${name} is not known`);
  return { name, kind: 'numeric', ...derived, ...readDistribution(check, value, name) };
}

function readDistribution(check: Check, value: unknown, name: string): NumericDistribution {
  const float = (key: string, limit: number): number =>
    Math.fround(check.number(check.field(value, key), `${key} of ${name}`, -limit, limit)) + 0;
  const optional = (key: string): number | undefined =>
    check.field(value, key) === undefined ? undefined : float(key, MAX_FLOAT32);
  const edges = check.list(
    check.field(value, 'edges'),
    `edges of ${name}`,
    MIN_CUTS,
    MAX_CUTS,
    (item) => Math.fround(check.number(item, `edges of ${name}`, -MAX_MAGNITUDE, MAX_MAGNITUDE)) + 0,
  );
  if (edges.some((edge, i) => i > 0 && !(edge > (edges[i - 1] as number)))) check.say(`edges of ${name} do not ascend`);
  const refCounts = check.counts(check.field(value, 'refCounts'), `refCounts of ${name}`, edges.length + 1);
  const median = check.number(check.field(value, 'median'), `median of ${name}`, -MAX_MAGNITUDE, MAX_MAGNITUDE);
  const iqr = check.number(check.field(value, 'iqr'), `iqr of ${name}`, MIN_SCALE, MAX_MAGNITUDE);
  const refLow = float('refLow', MAX_MAGNITUDE);
  const refHigh = float('refHigh', MAX_MAGNITUDE);
  if (edges[TAIL_BINS] !== refLow || edges[edges.length - 1 - TAIL_BINS] !== nextUp(refHigh)) {
    check.say(`the reference range of ${name} does not fit its edges`);
  }
  const hardLow = optional('hardLow');
  const hardHigh = optional('hardHigh');
  if (!((hardLow ?? -MAX_FLOAT32) < (hardHigh ?? MAX_FLOAT32))) check.say(`the hard range of ${name} is empty`);
  const missing = check.count(check.field(value, 'missing'), `missing of ${name}`);
  return {
    edges,
    refCounts,
    median,
    iqr,
    refLow,
    refHigh,
    ...(hardLow === undefined ? {} : { hardLow }),
    ...(hardHigh === undefined ? {} : { hardHigh }),
    missing,
  };
}

function readOutput(check: Check, value: unknown): BaselineOutput {
  const kind = check.field(value, 'kind');
  if (kind === 'regression') return { kind, ...readDistribution(check, value, 'the output') };
  if (kind !== 'classification') check.say('the kind of the output is not known');
  const classes = check.list(check.field(value, 'classes'), 'classes', 2, MAX_CLASSES, (item) =>
    check.name(item, 'a class', 0),
  );
  check.distinct(classes, 'classes');
  const k = classes.length;
  const bins = (key: string): ClassBins =>
    check.list(check.field(value, key), key, k, k, (item) => check.counts(item, key, SCORE_BINS));
  const scoreCounts = bins('scoreCounts');
  const confidenceCounts = bins('confidenceCounts');
  if (check.field(value, 'correctCounts') === undefined) {
    return { kind: 'classification', classes, scoreCounts, confidenceCounts };
  }
  const correctCounts = bins('correctCounts');
  const tooMany = correctCounts.some((row, c) => row.some((n, b) => n > (confidenceCounts[c]?.[b] ?? 0)));
  if (tooMany) check.say('correctCounts exceed confidenceCounts');
  return { kind: 'classification', classes, scoreCounts, confidenceCounts, correctCounts };
}
