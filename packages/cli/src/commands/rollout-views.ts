// Owns how rollouts look on a terminal: lists, one with its stages and history, what one would do. Asks the hub for nothing.
import { type DeploymentState, SUCCEEDED, TERMINAL } from '@drover/core/deployment/table';
import { isRolloutEnded } from '@drover/core/rollout/states';
import type { Static } from '@drover/wire/http/check';
import type { Deployment, Rollout, RolloutDetail, RolloutPreview } from '@drover/wire/http/rollouts';
import { stringify as writeYaml } from 'yaml';
import { meaningOf } from '../failure.ts';
import {
  describeMs,
  formatAge,
  formatBytes,
  formatCount,
  renderPairs,
  shortDigest,
  type TableColumn,
} from '../table.ts';
import { type Cli, tableFor } from './common.ts';
import type { Forecast } from './rollout-forecast.ts';

export type RolloutView = Static<typeof Rollout>;
export type DeploymentView = Static<typeof Deployment>;

const isGood = (state: string): boolean => SUCCEEDED.has(state as DeploymentState);
const isTerminal = (state: string): boolean => TERMINAL.has(state as DeploymentState);
export const isBad = ({ state }: DeploymentView): boolean => isTerminal(state) && !isGood(state);

/** Counts of a rollout in three words a person waits for. */
export function tallyRollout(counts: Readonly<Record<string, number>>): { done: number; failed: number; open: number } {
  let done = 0;
  let failed = 0;
  let open = 0;
  for (const [state, count] of Object.entries(counts)) {
    if (isGood(state)) done += count;
    else if (isTerminal(state)) failed += count;
    else open += count;
  }
  return { done, failed, open };
}

export const showCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts).filter(([, n]) => n > 0).map(([state, n]) => `${n} ${state}`).join(', '); // biome-ignore format: one chain

/** "running, stage 2 of 3 (site): soaking". */
export function describeState(rollout: RolloutView): string {
  const { state, stage, stages, stageName, phase, reason } = rollout;
  const why = reason === null ? '' : ` (${reason})`;
  if (isRolloutEnded(state) || stages < 2) return `${state}${why}`;
  return `${state}${why}, stage ${stage + 1} of ${stages} "${stageName}"${state === 'running' ? `: ${phase}` : ''}`;
}

export const ROLLOUTS: (cli: Cli) => readonly TableColumn<RolloutView>[] = (cli) => [
  { title: 'ROLLOUT', value: (r) => r.id },
  { title: 'VERSION', value: (r) => `${r.model}@${r.version}` },
  { title: 'SLOT', value: (r) => r.slot },
  { title: 'STATE', value: describeState },
  { title: 'DEVICES', value: (r) => r.devices, align: 'right' },
  { title: 'AGE', value: (r) => formatAge(cli.shell.now() - Date.parse(r.createdAt)), align: 'right' },
  { title: 'DEPLOYMENTS', value: (r) => showCounts(r.counts) },
];

/** What the deployment says, else why its device takes no document at all. */
function whyOf({ code, detail, desiredRefusal: refusal }: DeploymentView): string {
  if (detail !== undefined || code !== undefined) return detail ?? meaningOf(code ?? '');
  return refusal ? `the device refuses its document: ${meaningOf(refusal.code)} ${refusal.detail}`.trim() : '';
}

const nameTry = ({ attempt, purpose }: DeploymentView): string =>
  purpose === 'revert' ? 'back' : attempt > 1 ? `try ${attempt}` : '';

export const DEPLOYMENTS: (cli: Cli) => readonly TableColumn<DeploymentView>[] = (cli) => [
  { title: 'DEVICE', value: (d) => d.device },
  { title: 'STATE', value: (d) => d.state },
  { title: 'TRY', value: nameTry },
  { title: 'SINCE', value: (d) => formatAge(cli.shell.now() - Date.parse(d.updatedAt)), align: 'right' },
  { title: 'CODE', value: (d) => d.code ?? d.desiredRefusal?.code },
  { title: 'DETAIL', value: whyOf },
];

export const renderRollout = (rollout: RolloutView): string =>
  renderPairs([
    ['rollout', rollout.id],
    ['version', `${rollout.model}@${rollout.version} (manifest ${shortDigest(rollout.manifest)})`],
    ['slot', rollout.slot],
    ['state', describeState(rollout)],
    ...(rollout.because === '' ? [] : [['because', rollout.because] as const]),
    ['devices', `${rollout.devices}${rollout.heldOut > 0 ? `, and ${rollout.heldOut} held out` : ''}`],
    ['deployments', showCounts(rollout.counts)],
    ...(rollout.approvals.needed > 0
      ? [['approvals', `${rollout.approvals.given} of ${rollout.approvals.needed}`] as const]
      : []),
    ['by', rollout.actor],
    ['created', rollout.createdAt],
    ['ended', rollout.endedAt],
  ]);

type StageView = RolloutDetail['stageViews'][number];
const STAGES: readonly TableColumn<StageView>[] = [
  { title: 'STAGE', value: (s) => s.name },
  { title: 'DEVICES', value: (s) => s.devices, align: 'right' },
  { title: 'OWED', value: (s) => s.owed, align: 'right' },
  { title: 'GATE', value: (s) => s.gate?.verdict ?? '-' },
  { title: 'DEPLOYMENTS', value: (s) => showCounts(s.counts) },
  { title: 'WHY', value: (s) => s.gate?.because ?? '' },
];

type Agreement = NonNullable<RolloutDetail['agreement']>;
const AGREEMENT: readonly TableColumn<Agreement['devices'][number]>[] = [
  { title: 'SHADOW ON', value: (d) => d.device },
  { title: 'COMPARED', value: (d) => d.compared, align: 'right' },
  { title: 'AGREED', value: (d) => (d.compared === 0 ? '-' : percent(d.agreed / d.compared)), align: 'right' },
  { title: 'DISTANCE', value: (d) => (d.distance === null ? '-' : d.distance.toPrecision(3)), align: 'right' },
  { title: 'SKIPPED', value: (d) => d.skipped, align: 'right' },
];
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function renderAgreement(cli: Cli, { judged, devices }: Agreement): string {
  const verdict = judged ? `Agreement ${judged.verdict}: ${judged.because}\n` : '';
  return verdict + tableFor(cli, AGREEMENT, devices, 'No shadow has been compared yet.');
}

const EVENTS: readonly TableColumn<RolloutDetail['events'][number]>[] = [
  { title: 'AT', value: (e) => e.at },
  { title: 'BY', value: (e) => e.actor },
  { title: 'STATE', value: (e) => (e.state === 'running' ? `stage ${e.stage + 1} ${e.phase}` : e.state) },
  { title: 'BECAUSE', value: (e) => e.because },
];

const nameTarget = ({ target }: RolloutDetail): string =>
  target.devices
    ? `${target.devices.length} named devices`
    : `${target.group === undefined ? '' : `group ${target.group}: `}${target.query === '' ? 'every device' : (target.query ?? '')}`;

/** With few devices all of them; with many those that did not come through. */
export function renderDetail(cli: Cli, rollout: RolloutDetail, deployments: readonly DeploymentView[]): string {
  const isShort = rollout.devices <= 50;
  const shown = isShort ? deployments : deployments.filter(isBad);
  const title = isShort ? '' : `Devices that did not come through (${shown.length} of ${rollout.devices}):\n`;
  const agree =
    rollout.state === 'awaiting_approval'
      ? `Agree: drover rollout approve ${rollout.id} --plan ${rollout.planHash}\n`
      : '';
  return [
    `${renderRollout(rollout)}${renderPairs([['target', nameTarget(rollout)]])}${agree}`,
    tableFor(cli, STAGES, rollout.stageViews, 'It has no stage.'),
    ...(rollout.agreement ? [renderAgreement(cli, rollout.agreement)] : []),
    title + tableFor(cli, DEPLOYMENTS(cli), shown, isShort ? 'No device has been given it yet.' : 'None.'),
    tableFor(cli, EVENTS, rollout.events, 'Nothing has happened yet.'),
  ].join('\n');
}

type PreviewStage = RolloutPreview['stages'][number];
const PREVIEW: readonly TableColumn<PreviewStage>[] = [
  { title: 'STAGE', value: (s) => s.name },
  { title: 'DEVICES', value: (s) => s.devices, align: 'right' },
  { title: 'ONLINE', value: (s) => s.online, align: 'right' },
  { title: 'HAVE IT', value: (s) => s.alreadyInstalled, align: 'right' },
  { title: 'NEVER', value: (s) => s.never.reduce((sum, { devices }) => sum + devices, 0), align: 'right' },
  { title: 'UNHEARD', value: (s) => s.unheard, align: 'right' },
  { title: 'BYTES', value: (s) => formatBytes(s.bytes), align: 'right' },
  {
    title: 'FROM',
    value: (s) =>
      s.from
        .map(({ running, devices }) => `${devices} ${running.length === 64 ? shortDigest(running) : running}`)
        .join(', '),
  },
];

function describeForecast(forecast: Forecast | undefined, { disruption }: RolloutPreview['plan']): string {
  if (!forecast)
    return 'When it would be over is not foretold (more than 2,000 devices, windows, or nobody online): drover simulate tries plans.\n';
  const { half, high, away } = forecast;
  const without = disruption && disruption.length > 0 ? ', without its disruption budgets' : '';
  return `Over in about ${describeMs(half)}, ${describeMs(high)} at most: simulated with ${Math.round(100 * away)} % of devices away for four hours at a time, two minutes to download${without}.\n`;
}

export function renderPreview(cli: Cli, preview: RolloutPreview, forecast: Forecast | undefined): string {
  const { model, version, targets, heldOut, stages } = preview;
  const never = stages.flatMap((s) =>
    s.never.map(
      (one) =>
        `  ${one.devices} in "${s.name}": ${one.code}, ${one.detail} ${one.examples.join(', ')}${one.devices > one.examples.length ? ', …' : ''}\n`,
    ),
  );
  const held = heldOut > 0 ? `, ${formatCount(heldOut)} of them held out to compare with` : '';
  return [
    `${model}@${version} to ${formatCount(targets)} devices${held}. Nothing was started.\n`,
    tableFor(cli, PREVIEW, stages, 'It has no stage.'),
    ...(never.length > 0 ? [`Never, because:\n${never.join('')}`] : []),
    describeForecast(forecast, preview.plan),
    `The plan with its defaults:\n${writeYaml(preview.plan).replaceAll(/^(?=.)/gm, '  ')}`,
  ].join('\n');
}
