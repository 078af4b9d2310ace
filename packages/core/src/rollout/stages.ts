// Decides which stage each target of a rollout is in, by a draw that its id fixes. Never reads a device.
import { SipHash, type SipKey } from '@drover/sketch/siphash';
import { matchesQuery, parseQuery, type Query } from '../query.ts';
import type { Plan } from './plan.ts';

export interface Target {
  readonly device: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `members`: in the order in which they begin, stage by stage. */
export interface Assignment {
  readonly members: readonly { readonly device: string; readonly stage: number }[];
  readonly heldOut: readonly string[];
}

/** The id of the rollout, 32 hex characters, as a key: another rollout draws another order. */
const keyOf = (rollout: string): SipKey => [
  Number.parseInt(rollout.slice(0, 8), 16) | 0,
  Number.parseInt(rollout.slice(8, 16), 16) | 0,
  Number.parseInt(rollout.slice(16, 24), 16) | 0,
  Number.parseInt(rollout.slice(24, 32), 16) | 0,
];

function shuffle(rollout: string, targets: readonly Target[]): Target[] {
  const hash = new SipHash(keyOf(rollout));
  return targets
    .map((target) => ({ target, at: hash.hash(target.device) }))
    .toSorted((a, b) => a.at - b.at || (a.target.device < b.target.device ? -1 : 1))
    .map(({ target }) => target);
}

const readQuery = (text: string): Query => {
  const parsed = parseQuery(text);
  if (!parsed.ok) throw new Error('a checked plan has queries that parse');
  return parsed.value;
};

/**
 * The same rollout and targets always give the same answer. Devices that are held out are drawn first, so that they are as
 * the others are; a percent of what is left is rounded up.
 */
export function assignStages(rollout: string, plan: Plan, targets: readonly Target[]): Assignment {
  const order = shuffle(rollout, targets);
  const held = Math.floor(plan.holdOut * order.length);
  const heldOut = order.slice(0, held).map(({ device }) => device);
  let rest = order.slice(held);
  const total = rest.length;
  const members: { device: string; stage: number }[] = [];
  for (const [stage, { select }] of plan.stages.entries()) {
    let taken: readonly Target[];
    if (select.kind === 'query') {
      const query = readQuery(select.query);
      taken = rest.filter(({ labels }) => matchesQuery(query, labels));
    } else {
      const upTo = select.kind === 'percent' ? Math.ceil((select.percent / 100) * total) : select.count;
      taken = rest.slice(0, Math.max(0, upTo - members.length));
    }
    const gone = new Set(taken);
    rest = rest.filter((target) => !gone.has(target));
    for (const { device } of taken) members.push({ device, stage });
  }
  return { members, heldOut };
}
