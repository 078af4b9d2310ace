// Decides what drift says to the rules that watch it: a signal for each feature of each device, and one group for features that move
// together on a device. Pure.
import type { Seen } from '@drover/core/alerts/alert';
import { describeChange, describeDiagnosis } from '@drover/core/drift/describe';
import type { SlotState } from '../db/alert-sources.ts';
import type { FeatureDrift } from '../monitoring/drift.ts';

/** So many features, and at least half of those that are judged, do not fail by themselves: what feeds them changed. */
const MANY = 3;
const MANY_SHARE = 0.5;

const streamOf = ({ device, slot, manifest }: FeatureDrift): string => `${device}\n${slot}\n${manifest}`;
const subjectOf = ({ device, slot, feature }: FeatureDrift): string => `${device}/${slot}/${feature}`;
const driftGroup = ({ model, manifest, slot, feature }: FeatureDrift): string =>
  `${model ?? manifest}\n${slot}\n${feature}`;
const manyGroup = (one: FeatureDrift): string => driftGroup({ ...one, feature: '*' });

/** What a model answers follows from its features, and (together) is all of them. */
const isOwn = ({ feature }: FeatureDrift): boolean => !/^\((output|confidence|together)\)$/.test(feature);
const isJudged = ({ verdict }: FeatureDrift): boolean => verdict !== 'learning' && verdict !== 'too_few_rows';

/**
 * Streams of which many features moved. A feature whose alert is not over counts on: otherwise what comes and goes at the border would
 * open and close incidents.
 */
function findMany(all: readonly FeatureDrift[], bad: readonly FeatureDrift[], isBad: (one: FeatureDrift) => boolean) {
  const devices = new Set(bad.map(({ device }) => device));
  const counts = new Map<string, { moved: number; judged: number }>();
  for (const one of all) {
    if (!devices.has(one.device) || !isOwn(one) || !isJudged(one)) continue;
    const count = counts.get(streamOf(one)) ?? { moved: 0, judged: 0 };
    count.judged += 1;
    if (isBad(one)) count.moved += 1;
    counts.set(streamOf(one), count);
  }
  return new Set(
    [...counts].filter(([, { moved, judged }]) => moved >= MANY && moved >= MANY_SHARE * judged).map(([key]) => key),
  );
}

/**
 * Only of groups in which something is bad or was: of the others there is nothing to say, and they are many.
 * @param oldest windows that ended before say nothing of now.
 * @param knownSubjects what has an alert.
 */
export function* seeDrift(
  all: readonly FeatureDrift[],
  slots: readonly SlotState[],
  oldest: number,
  knownSubjects: ReadonlySet<string>,
): Generator<Seen> {
  const running = new Set(slots.map(({ device, slot, running: manifest }) => `${device}\n${slot}\n${manifest ?? ''}`));
  // What served before says nothing of now. A million healthy features make no text.
  const isBad = (one: FeatureDrift): boolean =>
    (one.verdict === 'material' || (knownSubjects.size > 0 && knownSubjects.has(subjectOf(one)))) &&
    running.has(streamOf(one));
  const bad = all.filter(isBad);
  if (bad.length === 0) return;
  const many = findMany(all, bad, isBad);
  const isOneOfMany = (one: FeatureDrift): boolean =>
    many.size > 0 && many.has(streamOf(one)) && isOwn(one) && isBad(one);
  const groupOf = (one: FeatureDrift): string => (isOneOfMany(one) ? manyGroup(one) : driftGroup(one));
  const groups = new Set(bad.map(groupOf));
  /** Devices that many did not move on, by stream: said once. */
  const others = new Set<string>();
  for (const one of all) {
    const { device, slot, manifest, model, feature, verdict, at } = one;
    if (!running.has(streamOf(one))) continue;
    const name = model ?? manifest.slice(0, 12);
    if (
      many.size > 0 &&
      groups.has(manyGroup(one)) &&
      !many.has(streamOf(one)) &&
      isJudged(one) &&
      !others.has(streamOf(one))
    ) {
      others.add(streamOf(one));
      yield { subject: `${device}/${slot}/*`, group: manyGroup(one), device, state: 'good', what: '', summary: '' };
    }
    const group = groupOf(one);
    if (!groups.has(group)) continue;
    const isSilent = at < oldest || !isJudged(one);
    const looks = describeDiagnosis(one.diagnosis);
    const change = `${one.aspect ?? ''} ${describeChange(one.aspect, one.change)}${looks === '' ? '' : `, looks like ${looks}`}`;
    const isMany = group !== driftGroup(one);
    yield {
      subject: subjectOf(one),
      group,
      device,
      state: isSilent ? 'unknown' : verdict === 'material' ? 'bad' : 'good',
      what: isMany
        ? `many features of ${name} moved at once, look at what feeds them`
        : `${feature} of ${name} moved from what is usual`,
      summary: `${isMany ? `${feature} ` : ''}${change}`.trim(),
    };
  }
}
