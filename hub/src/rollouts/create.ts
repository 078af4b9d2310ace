// Starts and ends rollouts on a person's word: which version, which devices. Never decides what a device does next.
import { randomBytes } from 'node:crypto';
import { makeId } from '@drover/core/ids';
import { matchesQuery, parseQuery } from '@drover/core/query';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { RolloutRequest } from '@drover/wire/http/rollouts';
import { commitWithAudit } from '../db/audit.ts';
import { listDeviceLabels, listDevicesById } from '../db/devices.ts';
import { readAlias, readModel, readVersion, type VersionRow } from '../db/models.ts';
import {
  insertDeployment,
  insertDeploymentEvent,
  insertRollout,
  listDeployments,
  moveDeployment,
  moveRollout,
  type RolloutRow,
  readRollout,
} from '../db/rollouts.ts';
import type { Statement, Store } from '../db/store.ts';
import type { Reconciler } from './tick.ts';

export interface RolloutDeps {
  readonly store: Store;
  readonly now: () => number;
  readonly reconciler: Pick<Reconciler, 'poke'>;
  /** Where the release metadata lists a manifest; nowhere: no device would install it. */
  readonly pathsOf: (manifest: string) => Promise<readonly string[]>;
}

/** The slot of a rollout that names none. */
export const DEFAULT_SLOT = 'default';

async function findVersion(store: Store, { model, version }: RolloutRequest): Promise<Result<VersionRow>> {
  if (!(await readModel(store, model))) return refuse('model_unknown', `"${model}".`);
  const number = typeof version === 'number' ? version : (await readAlias(store, model, version))?.version;
  const row = number === undefined ? undefined : await readVersion(store, model, number);
  return row ? accept(row) : refuse('version_unknown', `"${model}" has no "${version}".`);
}

export async function findTargets(
  store: Store,
  { devices, query }: Pick<RolloutRequest, 'devices' | 'query'>,
): Promise<Result<readonly string[]>> {
  if ((devices === undefined) === (query === undefined))
    return refuse('target_invalid', 'Exactly one of both is needed.');
  if (devices !== undefined) {
    const wanted = [...new Set(devices)];
    const known = new Set((await listDevicesById(store, wanted)).map((row) => row.id));
    const unknown = wanted.filter((id) => !known.has(id));
    if (unknown.length > 0)
      return refuse('device_unknown', `${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ' and others' : ''}.`);
    return accept(wanted);
  }
  const parsed = parseQuery(query ?? '');
  if (!parsed.ok) return parsed;
  const matching = (await listDeviceLabels(store)).filter(({ labelsJson }) =>
    matchesQuery(parsed.value, JSON.parse(labelsJson) as Record<string, string>),
  );
  return matching.length > 0
    ? accept(matching.map((row) => row.id))
    : refuse('target_empty', `The query was "${query}".`);
}

/**
 * Starts a one-stage rollout: every device that matches now gets a deployment; devices that join later do not. Older
 * deployments of the same devices and slot are superseded.
 */
export async function createRollout(
  deps: RolloutDeps,
  request: RolloutRequest,
  actor: string,
): Promise<Result<RolloutRow>> {
  const { store, reconciler } = deps;
  const version = await findVersion(store, request);
  if (!version.ok) return version;
  if ((await deps.pathsOf(version.value.manifest)).length === 0)
    return refuse('release_unlisted', `${version.value.model}@${version.value.version}.`);
  const targets = await findTargets(store, request);
  if (!targets.ok) return targets;
  const now = deps.now();
  const slot = request.slot ?? DEFAULT_SLOT;
  const { model, manifest } = version.value;
  const rollout: RolloutRow = {
    id: makeId(now, randomBytes(10)),
    model,
    version: version.value.version,
    manifest,
    slot,
    state: 'running',
    revision: 0,
    targetJson: JSON.stringify({ devices: request.devices, query: request.query }),
    actor,
    createdAt: now,
    endedAt: null,
  };
  const statements: Statement[] = [insertRollout(rollout)];
  for (const device of targets.value) {
    const id = makeId(now, randomBytes(10));
    const silent = { code: null, detail: null };
    statements.push(
      insertDeployment({
        id,
        rollout: rollout.id,
        device,
        slot,
        manifest,
        state: 'queued',
        revision: 0,
        ...silent,
        createdAt: now,
        updatedAt: now,
        deviceState: null,
        deviceRevision: 0,
        deviceCode: null,
        deviceDetail: null,
      }),
      insertDeploymentEvent({
        deployment: id,
        at: now,
        source: 'hub',
        fromState: null,
        toState: 'queued',
        revision: 0,
        ...silent,
      }),
    );
  }
  const detail = {
    before: null,
    after: {
      state: rollout.state,
      model,
      version: rollout.version,
      manifest,
      slot,
      target: { devices: request.devices, query: request.query },
      devices: targets.value.length,
    },
  };
  const done = await commitWithAudit(store, statements, {
    at: now,
    actor,
    action: 'rollout.create',
    subject: rollout.id,
    detail,
  });
  if (!done.ok) return refuse('write_conflict', 'The rollout was not started.');
  reconciler.poke(...targets.value);
  return accept(rollout);
}

/** States that an abort still stops; later ones finish on the device. */
const STOPPABLE: ReadonlySet<string> = new Set([
  'queued',
  'offered',
  'accepted',
  'deferred',
  'downloading',
  'verifying',
  'staged',
]);
const PAGE = 500;
const TRIES = 5;

/** Ends a rollout: devices that have the version keep it, those that have not begun to switch go on with what they have. */
export async function abortRollout(deps: RolloutDeps, id: string, actor: string): Promise<Result<RolloutRow>> {
  const { store, reconciler } = deps;
  for (let tries = 0; tries < TRIES; tries++) {
    const rollout = await readRollout(store, id);
    if (!rollout) return refuse('rollout_unknown', `"${id}".`);
    if (rollout.state !== 'running') return refuse('rollout_ended', `It is ${rollout.state}.`);
    const now = deps.now();
    const statements: Statement[] = [moveRollout(id, rollout.revision, 'aborted', now)];
    const stopped: string[] = [];
    for (let cursor: string | undefined, isMore = true; isMore; ) {
      const page = await listDeployments(store, id, { ...(cursor !== undefined && { cursor }), limit: PAGE });
      for (const row of page) {
        // What the device says goes further than what the hub has followed so far.
        if (!STOPPABLE.has(row.state) || !STOPPABLE.has(row.deviceState ?? 'offered')) continue;
        const said = { code: null, detail: `The rollout was aborted by ${actor}.` };
        statements.push(
          moveDeployment({ id: row.id, revision: row.revision, to: 'cancelled', ...said, now }),
          insertDeploymentEvent({
            deployment: row.id,
            at: now,
            source: 'hub',
            fromState: row.state,
            toState: 'cancelled',
            revision: row.revision + 1,
            ...said,
          }),
        );
        stopped.push(row.device);
      }
      cursor = page.at(-1)?.id;
      isMore = page.length === PAGE;
    }
    const detail = { before: { state: rollout.state }, after: { state: 'aborted' }, cancelled: stopped.length };
    const done = await commitWithAudit(store, statements, {
      at: now,
      actor,
      action: 'rollout.abort',
      subject: id,
      detail,
    });
    if (done.ok) {
      reconciler.poke(...stopped);
      return accept({ ...rollout, state: 'aborted', endedAt: now });
    }
  }
  return refuse('write_conflict', 'The rollout changed while it was aborted.');
}
