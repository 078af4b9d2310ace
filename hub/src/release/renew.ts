// Signs by the clock what this hub can sign before it runs out, and says what only people can. Decides by plan.ts.
import { accept, explain, type Result } from '@drover/core/reasons';
import { buildTargets, extendRoot, nextOffline, rootParts, teamsOf } from '@drover/trust/tuf/build';
import { type Metadata, type RootSigned, signMetadata, type TargetsSigned } from '@drover/trust/tuf/metadata';
import { isTeam } from '@drover/trust/tuf/names';
import type { ReleaseChange } from '@drover/trust/tuf/propose';
import type { TakenRole } from '@drover/trust/tuf/verify';
import type { Logger } from 'pino';
import { commitWithAudit } from '../db/audit.ts';
import type { Statement, Store } from '../db/store.ts';
import { describeDue, planRenewal } from './plan.ts';
import { type ReleaseDeps, renewHubTeam, signTeam } from './release.ts';
import type { Update } from './repository.ts';
import { type ReleaseState, teamFiles, teamsIn } from './state.ts';

async function renewTop(deps: ReleaseDeps, state: ReleaseState, due: ReadonlySet<string>): Promise<Result<Update>> {
  const { keyring } = deps;
  const now = deps.now();
  const parts = rootParts(state.root.signed);
  const update: { roots?: Metadata<RootSigned>[]; targets?: Metadata<TargetsSigned> } = {};
  if (due.has('root')) {
    const signers = await keyring.signersFor('root', parts.root);
    if (!signers.ok) return signers;
    const root = await signMetadata(extendRoot(state.root.signed, {}, now), signers.value);
    if (!root.ok) return root;
    update.roots = [root.value];
  }
  if (due.has('targets')) {
    const signers = await keyring.signersFor('targets', parts.targets);
    if (!signers.ok) return signers;
    const { signed } = state.targets;
    const person = signed['x-drover']?.release === 'person';
    const next = buildTargets(teamsOf(signed), { version: nextOffline(signed.version), now, person });
    const targets = await signMetadata(next, signers.value);
    if (!targets.ok) return targets;
    update.targets = targets.value;
  }
  return accept(update);
}

/** Team and model roles that are due, of teams whose keys are here. */
async function renewTeams(
  deps: ReleaseDeps,
  state: ReleaseState,
  due: ReadonlySet<string>,
): Promise<Result<TakenRole[]>> {
  const taken: TakenRole[] = [];
  for (const [team, keys] of teamsIn(state)) {
    if (!deps.keyring.holds(keys)) continue;
    const held = teamFiles(state, team);
    const models = [...held.models.keys()].filter((model) => due.has(`${team}~${model}`));
    const isTeamDue = due.has(team);
    if (models.length === 0 && !isTeamDue) continue;
    const changes = new Map(models.map((model): [string, ReleaseChange] => [model, {}]));
    const roles = await signTeam(deps, team, keys, held, changes, isTeamDue);
    if (!roles.ok) return roles;
    taken.push(...roles.value);
  }
  return accept(taken);
}

/** What the clock asks for now; undefined when nothing is due. */
export async function planClock(deps: ReleaseDeps, state: ReleaseState): Promise<Result<Update | undefined>> {
  const plan = planRenewal(state, (keys) => deps.keyring.holds(keys), deps.now());
  if (plan.renew.length === 0 && !plan.isSnapshotDue && !plan.isTimestampDue) return accept(undefined);
  const due = new Set(plan.renew);
  const top = await renewTop(deps, state, due);
  if (!top.ok) return top;
  const isTeamDue = plan.renew.some((role) => isTeam(role.split('~')[0] ?? ''));
  const roles = isTeamDue ? await renewTeams(deps, state, due) : accept([]);
  if (!roles.ok) return roles;
  return accept({ ...top.value, roles: roles.value, isSnapshotDue: plan.isSnapshotDue });
}

/**
 * At each start the online roles are signed anew: a hub that was restored from a backup does not know what it signed after
 * the backup was made, and unix seconds are above all of it.
 */
export async function planStart(deps: ReleaseDeps, state: ReleaseState): Promise<Result<Update>> {
  const own = await renewHubTeam(deps, state);
  return own.ok ? accept({ roles: own.value, isSnapshotDue: true }) : own;
}

/** Roles that an update brings, with the version that each has then. */
const versionsIn = ({ roots = [], targets, roles = [] }: Update): [string, number][] => [
  ...roots.map(({ signed }): [string, number] => ['root', signed.version]),
  ...(targets === undefined ? [] : [['targets', targets.signed.version] as [string, number]]),
  ...roles.map(({ role, metadata }): [string, number] => [role, metadata.signed.version]),
];

export interface RenewerDeps extends ReleaseDeps {
  readonly store: Store;
  readonly log: Logger;
}

export interface Renewer {
  /** Looks once, as the clock does. */
  look(): Promise<void>;
  /** Undefined when all is well, otherwise what people must do. */
  health(): string | undefined;
  close(): void;
}

const LOOK_MS = 60_000;
/** The same warning is said once a day. */
const SAY_MS = 24 * 3_600_000;

export function startRenewer(deps: RenewerDeps): Renewer {
  const { repository, keyring, store, log, now } = deps;
  const said = new Map<string, number>();

  const listDue = () => planRenewal(repository.current(), (keys) => keyring.holds(keys), now()).runningOut;

  /** Snapshot and timestamp say nothing new by themselves, and would fill the log: a row is written for what they name. */
  function commit(statements: readonly Statement[], before: ReleaseState, roles: readonly [string, number][]) {
    if (roles.length === 0) return store.commit(statements);
    const was = new Map([
      ['root', before.root.signed.version],
      ['targets', before.targets.signed.version],
      ...[...before.roles].map(([role, { signed }]): [string, number] => [role, signed.version]),
    ]);
    return commitWithAudit(store, statements, {
      at: now(),
      actor: 'hub',
      action: 'release.renew',
      subject: 'release metadata',
      detail: {
        before: Object.fromEntries(roles.map(([role]) => [role, was.get(role) ?? null])),
        after: Object.fromEntries(roles),
      },
    });
  }

  async function look(): Promise<void> {
    let before = repository.current();
    let roles: readonly [string, number][] = [];
    const renewed = await repository.change(
      async (state) => {
        before = state;
        const planned = await planClock(deps, state);
        roles = planned.ok && planned.value !== undefined ? versionsIn(planned.value) : [];
        return planned;
      },
      (statements) => commit(statements, before, roles),
    );
    if (!renewed.ok) log.error({ code: renewed.code }, `release metadata was not renewed: ${explain(renewed)}`);
    const at = now();
    for (const due of listDue()) {
      if (at - (said.get(due.role) ?? Number.NEGATIVE_INFINITY) < SAY_MS) continue;
      said.set(due.role, at);
      log.warn({ role: due.role, expiresAt: due.expiresAt }, describeDue(due, at));
    }
  }

  const guarded = (): void =>
    void look().catch((error: unknown) => log.error({ err: error }, 'release metadata was not looked at'));
  const timer = setInterval(guarded, LOOK_MS);
  guarded();
  return {
    look,
    health() {
      const due = listDue().toSorted((a, b) => a.expiresAt - b.expiresAt);
      const { timestamp } = repository.current();
      if (timestamp !== undefined && Date.parse(timestamp.signed.expires) <= now())
        return 'the timestamp of the release metadata has expired: devices install nothing';
      return due[0] && due[0].expiresAt <= now() ? describeDue(due[0], now()) : undefined;
    },
    close: () => clearInterval(timer),
  };
}
