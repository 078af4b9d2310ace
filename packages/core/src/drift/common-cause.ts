// Decides what devices whose feature moved have in common: all of them, a label, or nothing. Never judges one device.
import { hypergeometricSf } from '@drover/sketch/special';

export interface Located {
  readonly device: string;
  /** Labels of the device. */
  readonly labels: Readonly<Record<string, string>>;
  readonly hasMoved: boolean;
}

export interface CommonCause {
  /** `fleet`: so many that no label explains more; `group`: a label does; `devices`: single ones. */
  readonly kind: 'fleet' | 'group' | 'devices';
  readonly label: { readonly key: string; readonly value: string } | undefined;
  /** Devices that moved, and all that were judged; of the label where there is one. */
  readonly moved: number;
  readonly judged: number;
  /** How many times more often than elsewhere devices of the label moved. */
  readonly lift: number;
  /** Probability that a label explains so much by chance, times the labels that were looked at (Bonferroni). */
  readonly p: number;
}

/** More than this share of all devices is the fleet (design: 30 %). */
const FLEET_SHARE = 0.3;
/** Fewer devices than this have nothing in common that could be told from chance. */
const LEAST_DEVICES = 3;
const LEAST_P = 0.01;
const LEAST_LIFT = 3;

/**
 * The label whose devices moved more often than chance allows: one-sided Fisher (hypergeometric) over all labels; of several the
 * least probable, and of equals the one with fewer devices.
 */
export function findCommonCause(devices: readonly Located[]): CommonCause {
  const judged = devices.length;
  const moved = devices.filter(({ hasMoved }) => hasMoved).length;
  const byLabel = new Map<string, { key: string; value: string; judged: number; moved: number }>();
  for (const { labels, hasMoved } of devices)
    for (const [key, value] of Object.entries(labels)) {
      const name = JSON.stringify([key, value]);
      const group = byLabel.get(name) ?? { key, value, judged: 0, moved: 0 };
      group.judged += 1;
      if (hasMoved) group.moved += 1;
      byLabel.set(name, group);
    }
  let best: CommonCause | undefined;
  for (const group of byLabel.values()) {
    if (group.moved < LEAST_DEVICES) continue;
    const p = Math.min(1, byLabel.size * hypergeometricSf(group.moved, judged, group.judged, moved));
    const elsewhere = (moved - group.moved) / Math.max(1, judged - group.judged);
    const lift = elsewhere === 0 ? Number.MAX_VALUE : group.moved / group.judged / elsewhere;
    if (p > LEAST_P || lift < LEAST_LIFT) continue;
    if (best && (p > best.p || (p === best.p && group.judged >= best.judged))) continue;
    const { key, value } = group;
    best = { kind: 'group', label: { key, value }, moved: group.moved, judged: group.judged, lift, p };
  }
  if (best) return best;
  const isFleet = moved >= LEAST_DEVICES && moved / judged >= FLEET_SHARE;
  return { kind: isFleet ? 'fleet' : 'devices', label: undefined, moved, judged, lift: 1, p: 1 };
}
