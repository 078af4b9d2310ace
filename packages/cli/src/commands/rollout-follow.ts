// Follows a rollout until it ends or a person is needed. Decides nothing about it.
import { isRolloutEnded } from '@drover/core/rollout/states';
import { Deployment, Rollout } from '@drover/wire/http/rollouts';
import { EXIT } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { openProgress } from '../progress.ts';
import { type Cli, type ConnectionOptions, failTimedOut, present, tableFor, waitFor } from './common.ts';
import {
  DEPLOYMENTS,
  type DeploymentView,
  describeState,
  isBad,
  type RolloutView,
  renderRollout,
  showCounts,
  tallyRollout,
} from './rollout-views.ts';

export const listDeployments = (client: HubClient, rollout: string): Promise<DeploymentView[]> =>
  client.askAll(Deployment, at('rollouts', rollout, 'deployments'));

/** Nothing more happens by itself. */
const isSettled = ({ state }: RolloutView): boolean =>
  isRolloutEnded(state) || state === 'paused' || state === 'awaiting_approval';

/** Undefined when the time ran out. */
export function followRollout(
  client: HubClient,
  id: string,
  options: {
    timeoutMs: number;
    now: () => number;
    signal?: AbortSignal | undefined;
    onChange: (rollout: RolloutView) => void;
  },
): Promise<RolloutView | undefined> {
  return waitFor(async () => {
    const rollout = await client.ask(Rollout, at('rollouts', id));
    options.onChange(rollout);
    return isSettled(rollout) ? rollout : undefined;
  }, { everyMs: 400, ...options }); // biome-ignore format: short
}

const describeProgress = (rollout: RolloutView): string => {
  const { done, failed } = tallyRollout(rollout.counts);
  const where = rollout.stages > 1 ? ` ${describeState(rollout)};` : '';
  return `${rollout.model}@${rollout.version}:${where} ${done} of ${rollout.devices} committed${failed > 0 ? `, ${failed} failed` : ''} (${showCounts(rollout.counts)})`;
};

/** Shows how it goes and what came of it; the exit code says whether every device came through. */
export async function watchRollout(
  cli: Cli,
  client: HubClient,
  id: string,
  options: ConnectionOptions & { readonly timeout: number },
): Promise<void> {
  const progress = openProgress(cli.shell, options.json === true);
  const ended = await followRollout(client, id, {
    timeoutMs: options.timeout,
    now: cli.shell.now,
    onChange: (rollout) => progress.show(describeProgress(rollout)),
  });
  progress.end();
  if (!ended) {
    throw failTimedOut(
      `Rollout ${id} did not end`,
      options.timeout,
      `It goes on; devices that are offline take it when they return. drover rollout show ${id}`,
    );
  }
  const { failed } = tallyRollout(ended.counts);
  const bad = failed > 0 ? (await listDeployments(client, ended.id)).filter(isBad) : [];
  present(
    cli,
    options,
    ended,
    () => renderRollout(ended) + (bad.length > 0 ? `\n${tableFor(cli, DEPLOYMENTS(cli), bad, '')}` : ''),
  );
  if (failed > 0 || ended.state !== 'completed') process.exitCode = EXIT.failed;
}
