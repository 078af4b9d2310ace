// Decides what a reader is shown of drift: which features, in which order, and what devices that moved have in common. Pure.
import { findCommonCause } from '@drover/core/drift/common-cause';
import { DRIFT_SETTINGS, type FleetVerdict } from '@drover/core/drift/verdict';
import type { DriftCause, DriftItem, DriftView } from '@drover/wire/http/monitoring';
import type { FeatureDrift } from './drift.ts';

export interface DriftFilter {
  readonly slot?: string | undefined;
  readonly device?: string | undefined;
  readonly model?: string | undefined;
  readonly all?: boolean | undefined;
}

const MOST_ITEMS = 1000;
const NAMED_DEVICES = 20;
const RANK: Readonly<Record<FleetVerdict, number>> = {
  material: 0,
  unconfirmed: 1,
  immaterial: 2,
  ok: 3,
  too_few_rows: 4,
  learning: 5,
};

/** In thresholds of its aspect, so that ranges and shares can be compared. */
function sizeOf({ aspect, leastChange }: FeatureDrift): number {
  if (aspect === undefined) return 0;
  return aspect === 'stuck' || aspect === 'dropout'
    ? Number.POSITIVE_INFINITY
    : Math.abs(leastChange) / DRIFT_SETTINGS.material[aspect];
}

function itemOf({ aspect, at, diagnosis, ...rest }: FeatureDrift): DriftItem {
  const looks = diagnosis && {
    kind: diagnosis.kind,
    slope: diagnosis.slope ?? null,
    offset: diagnosis.offset ?? null,
    unit: diagnosis.unit ?? null,
    between: diagnosis.between ? [...diagnosis.between] : null,
    unseen: diagnosis.unseen ?? null,
  };
  return { ...rest, aspect: aspect ?? null, at: new Date(at).toISOString(), diagnosis: looks ?? null };
}

const isJudged = ({ verdict }: FeatureDrift): boolean => verdict !== 'learning' && verdict !== 'too_few_rows';

type Labels = Readonly<Record<string, string>>;

function findCauses(found: readonly FeatureDrift[], labelsOf: ReadonlyMap<string, Labels>): DriftCause[] {
  const features = new Map<string, FeatureDrift[]>();
  for (const each of found) {
    if (!isJudged(each)) continue;
    const key = JSON.stringify([each.slot, each.manifest, each.feature]);
    const all = features.get(key);
    if (all) all.push(each);
    else features.set(key, [each]);
  }
  const causes: DriftCause[] = [];
  for (const all of features.values()) {
    const aspects = new Set(all.flatMap(({ verdict, aspect }) => (verdict === 'material' && aspect ? [aspect] : [])));
    for (const aspect of aspects) {
      const hasMoved = (one: FeatureDrift): boolean => one.verdict === 'material' && one.aspect === aspect;
      const located = all.map((one) => ({
        device: one.device,
        labels: labelsOf.get(one.device) ?? {},
        hasMoved: hasMoved(one),
      }));
      const { kind, label, moved, judged } = findCommonCause(located);
      const names = located.filter(
        (one) => one.hasMoved && (label === undefined || one.labels[label.key] === label.value),
      );
      const [{ slot, model, version, feature }] = all as [FeatureDrift];
      causes.push({
        slot, model, version, feature, aspect, kind, label: label ?? null, moved, judged,
        devices: names.slice(0, NAMED_DEVICES).map(({ device }) => device),
      }); // biome-ignore format: one record
    }
  }
  return causes.toSorted((a, b) => b.moved - a.moved || (a.feature < b.feature ? -1 : 1));
}

/** @param labelsOf labels by device, of those that are shown. */
export function viewDrift(
  all: readonly FeatureDrift[],
  labelsOf: ReadonlyMap<string, Labels>,
  filter: DriftFilter,
): DriftView {
  const found = all.filter(
    ({ slot, device, model }) =>
      (filter.slot === undefined || slot === filter.slot) &&
      (filter.device === undefined || device === filter.device) &&
      (filter.model === undefined || model === filter.model),
  );
  const counts: Record<string, number> = {};
  for (const { verdict } of found) counts[verdict] = (counts[verdict] ?? 0) + 1;
  const shown = found.filter(({ verdict }) => filter.all === true || RANK[verdict] <= RANK.immaterial);
  const items = shown.toSorted((a, b) => RANK[a.verdict] - RANK[b.verdict] || sizeOf(b) - sizeOf(a));
  return {
    counts,
    causes: findCauses(found, labelsOf),
    items: items.slice(0, MOST_ITEMS).map(itemOf),
    isCut: items.length > MOST_ITEMS,
  };
}
