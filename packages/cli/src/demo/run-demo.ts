// The demo in order: hub, data, training, agents, rollout, play, checks, clean end. Each step is named when it fails.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Manifest, parseManifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import type { Static } from '@drover/wire/http/check';
import { Device } from '@drover/wire/http/devices';
import { VersionDetail } from '@drover/wire/http/models';
import { Run } from '@drover/wire/http/runs';
import type { Cli } from '../commands/common.ts';
import { waitFor } from '../commands/common.ts';
import { startRollout } from '../commands/rollout.ts';
import { followRollout, listDeployments } from '../commands/rollout-follow.ts';
import { tallyRollout } from '../commands/rollout-views.ts';
import { describeProgress, failRun, followRun, uploadDataset } from '../commands/run.ts';
import { failRefused } from '../failure.ts';
import { at, type HubClient } from '../hub-client.ts';
import { openLiveBlock, openProgress } from '../progress.ts';
import { formatBytes, formatCount, shortDigest } from '../table.ts';
import { type DemoFacts, judgeDemo, renderSummary } from './checks.ts';
import { openFamily } from './children.ts';
import { dealRows } from './deal.ts';
import { playRows } from './play.ts';
import {
  type AgentPlan,
  type DemoHub,
  findLost,
  joinAgents,
  type Surroundings,
  startAgents,
  startHub,
  WINDOW_SECONDS,
} from './programs.ts';
import { measureReference } from './reference.ts';
import { writeRows } from './rows-csv.ts';
import { fieldText, loadSource, type Source, type SourceOptions } from './source.ts';
import { type Check, failStep, openSteps } from './steps.ts';

export interface DemoOptions extends SourceOptions {
  readonly seconds: number;
  readonly labelDelayMs: number;
  readonly trainer: 'gbdt' | 'linear' | undefined;
  readonly json: boolean;
}

export interface DemoResult {
  readonly facts: DemoFacts;
  readonly checks: readonly Check[];
}

const MODEL = 'demo';
const ALIAS = 'champion';
const SLOT = 'default';
const TRAIN_MS = 600_000;
const ROLLOUT_MS = 240_000;
const ONLINE_MS = 60_000;
const END_MS = 20_000;
/** Beyond the play itself: labels come late, windows close, the last batch is acknowledged, slow machines lag. */
const PLAY_SLACK_MS = 90_000;

interface Dealt {
  readonly plans: readonly AgentPlan[];
  readonly trainFile: string;
  readonly played: readonly number[];
  readonly trainedRows: number;
  readonly labelsToCome: number;
  readonly rawBytes: number;
  readonly says: string;
}

/** Deals the rows and writes one file to train on and one for each agent. */
function prepareFiles(source: Source, options: DemoOptions, dir: string): Dealt {
  const deal = dealRows({
    rows: source.rows,
    order: source.order,
    devices: source.devices?.codes,
    trainShare: options.trainShare,
    agents: options.agents,
  });
  const label = source.columns.find((column) => column.name === source.label);
  if (!label) throw failStep(`There is no column "${source.label}".`);
  mkdirSync(path.join(dir, 'data'), { recursive: true });
  const trainFile = path.join(dir, 'data', 'train.csv');
  writeFileSync(trainFile, writeRows(source.columns, deal.train));
  let rawBytes = 0;
  const digits = Math.max(2, String(deal.shares.length).length);
  const plans = deal.shares.map((rows, agent): AgentPlan => {
    const device = `agent-${String(agent + 1).padStart(digits, '0')}`;
    const file = path.join(dir, 'data', `${device}.csv`);
    writeFileSync(file, writeRows(source.columns, rows));
    rawBytes += statSync(file).size;
    const names = (deal.devicesOf[agent] ?? [])
      .map((code) => source.devices?.names[code] ?? '')
      .join(' ')
      .slice(0, 200);
    return {
      device,
      dataDir: path.join(dir, device),
      labels: ['demo=yes', ...(names === '' ? [] : [`plays=${names}`])],
      source: file,
      rows: rows.length,
      rowsPerSecond: rows.length / options.seconds,
      labelColumn: source.label,
      labelDelayMs: options.labelDelayMs,
    };
  });
  const played = deal.shares.flatMap((share) => [...share]);
  const trainedOf = source.devices ? ` (${deal.trainedDevices.length} of ${source.devices.names.length} devices)` : '';
  return {
    plans,
    trainFile,
    played,
    trainedRows: deal.train.length,
    labelsToCome: played.filter((row) => fieldText(label, row) !== '').length,
    rawBytes,
    says: `${formatCount(deal.train.length)} rows train${trainedOf}, ${formatCount(played.length)} rows for ${plans.length} agents`,
  };
}

interface Trained {
  readonly version: Static<typeof VersionDetail>;
  readonly manifest: Manifest;
  readonly notes: readonly string[];
}

async function trainModel(
  cli: Cli,
  client: HubClient,
  source: Source,
  dealt: Dealt,
  options: DemoOptions,
  signal: AbortSignal,
): Promise<Trained> {
  const dataset = await uploadDataset(client, 'demo-train.csv', readFileSync(dealt.trainFile));
  const roles = {
    label: source.label,
    ...(source.deviceColumn === undefined ? {} : { device: source.deviceColumn }),
    ...(source.timeColumn === undefined ? {} : { time: source.timeColumn }),
    ...(source.exclude.length > 0 ? { exclude: [...source.exclude] } : {}),
  };
  const body = {
    model: MODEL,
    dataset: dataset.sha256,
    roles,
    ...(options.trainer ? { trainer: options.trainer } : {}),
    seed: options.seed,
  };
  const started = await client.ask(Run, at('runs'), { method: 'POST', body });
  const progress = openProgress(cli.shell, options.json || !cli.shell.isTerminal);
  const run = await followRun(client, started.id, {
    timeoutMs: TRAIN_MS,
    now: cli.shell.now,
    signal,
    onChange: (now) => progress.show(`    ${describeProgress(now)}`),
  });
  if (!run) throw failStep(`The run did not end within ${TRAIN_MS / 1000} s.`);
  if (run.state !== 'succeeded' || run.version === null) throw failRun(run);
  const version = await client.ask(VersionDetail, at('models', MODEL, 'versions', run.version));
  const parsed = parseManifest(Buffer.from(JSON.stringify(version.document)));
  if (!parsed.ok) throw failRefused(parsed);
  if (version.manifest !== run.manifest) throw failStep('The run and the registry name different manifests.');
  return { version, manifest: parsed.value, notes: run.notes };
}

/** The model file as the hub stores it must be the one that the manifest names. */
async function checkArtifact(client: HubClient, manifest: Manifest): Promise<void> {
  const bytes = await client.askBytes(at('blobs', manifest.blobs.model.sha256));
  if (digestOf(bytes) !== manifest.blobs.model.sha256)
    throw failStep('The stored model is not the one that was signed.');
}

async function waitOnline(
  cli: Cli,
  client: HubClient,
  count: number,
  signal: AbortSignal,
  isLost: () => Error | undefined,
): Promise<number> {
  const online = await waitFor(async () => {
    const lost = isLost();
    if (lost) throw lost;
    const devices = await client.askAll(Device, at('devices'));
    return devices.filter((d) => d.presence === 'online').length === count ? count : undefined;
  }, { everyMs: 300, timeoutMs: ONLINE_MS, now: cli.shell.now, signal }); // biome-ignore format: short
  if (online === undefined) throw failStep(`Not all ${count} devices were online within ${ONLINE_MS / 1000} s.`);
  return online;
}

async function deployEverywhere(cli: Cli, client: HubClient, agents: number, signal: AbortSignal): Promise<number> {
  const started = await startRollout(client, { model: MODEL, version: ALIAS, slot: SLOT, query: '' });
  const ended = await followRollout(client, started.id, {
    timeoutMs: ROLLOUT_MS,
    now: cli.shell.now,
    signal,
    onChange: () => undefined,
  });
  const deployments = await listDeployments(client, started.id);
  const committed = deployments.filter((d) => d.state === 'committed').length;
  if (ended && committed === agents && tallyRollout(ended.counts).failed === 0) return committed;
  const open = deployments
    .filter((d) => d.state !== 'committed')
    .map((d) => `${d.device} ${d.state}${d.code ? ` (${d.code})` : ''}`);
  throw failStep(
    `${committed} of ${agents} devices committed${ended ? '' : ` within ${ROLLOUT_MS / 1000} s`}; ${open.slice(0, 8).join(', ')}.`,
  );
}

/** Bytes of statistics that the hub took in, from its own metrics; undefined when it does not count them. */
async function readUplink(client: HubClient): Promise<number | undefined> {
  const text = Buffer.from(await client.askBytes('/metrics')).toString('utf8');
  const found = [...text.matchAll(/^drover_hub_uplink_bytes_total(?:\{[^}]*\})? ([0-9.e+]+)$/gm)];
  return found.length === 0 ? undefined : found.reduce((sum, match) => sum + Number(match[1]), 0);
}

/** Runs the whole demo in `dir`. The caller owns the directory; every child has ended when this returns or throws. */
export async function runDemo(cli: Cli, options: DemoOptions, dir: string, signal: AbortSignal): Promise<DemoResult> {
  const { shell } = cli;
  mkdirSync(path.join(dir, 'logs'), { recursive: true });
  const family = openFamily(path.join(dir, 'logs'), process.env);
  const where: Surroundings = { dir, family, now: shell.now, signal, fetcher: cli.fetcher };
  const isLost = () => findLost(family);
  const steps = openSteps(shell, options.json, isLost);
  try {
    const source = await steps.run('Read the data', async () => {
      const loaded = loadSource(options);
      if (!loaded.ok) throw failRefused(loaded);
      return loaded.value;
    }, (s) => `${s.says}: ${formatCount(s.rows)} rows, ${s.columns.length} columns, label "${s.label}"`); // biome-ignore format: short
    const dealt = await steps.run(
      'Deal the rows',
      async () => prepareFiles(source, options, dir),
      (d) => d.says,
    );
    const hub = await steps.run(
      'Start a hub',
      () => startHub(where),
      (h) => h.url,
    );
    const { client } = hub;
    const trained = await steps.run('Train on the hub', () => trainModel(cli, client, source, dealt, options, signal),
      (t) => `${MODEL}@${t.version.version}, ${t.manifest.features.length} features, ${formatBytes(t.manifest.blobs.model.size)}`); // biome-ignore format: short
    if (!options.json) for (const note of trained.notes) shell.out(`      ${note}\n`);
    await steps.run('Register and name it', async () => {
      await checkArtifact(client, trained.manifest);
      await client.askBytes(at('models', MODEL, 'aliases', ALIAS), { method: 'PUT', body: { version: trained.version.version } });
    }, () => `${MODEL}@${ALIAS} = ${trained.version.version}, manifest ${shortDigest(trained.version.manifest)}`); // biome-ignore format: short
    await steps.run(
      'Enrol the agents',
      () => joinAgents(where, hub, dealt.plans),
      () => `${dealt.plans.length} devices joined`,
    );
    const agents = await steps.run('Start the agents', async () => {
      const started = await startAgents(where, dealt.plans);
      await waitOnline(cli, client, dealt.plans.length, signal, isLost);
      return started;
    }, (a) => `${a.length} processes, all online`); // biome-ignore format: short
    const committed = await steps.run(
      'Deploy to all',
      () => deployEverywhere(cli, client, agents.length, signal),
      (n) => `${n} devices committed`,
    );
    const rowsOf = new Map(dealt.plans.map((plan) => [plan.device, plan.rows]));
    const played = await steps.run('Play the other rows', () => playRows({
      client, slot: SLOT, manifest: trained.version.manifest, rowsToPlay: dealt.played.length, labelsToCome: dealt.labelsToCome, rowsOf,
      deadlineAt: shell.now() + options.seconds * 1000 + options.labelDelayMs + 2 * WINDOW_SECONDS * 1000 + PLAY_SLACK_MS,
      now: shell.now, signal, view: openLiveBlock({ ...shell, out: options.json ? () => undefined : shell.out }, 5000), findLost: isLost,
    }), (p) => `the hub counted ${formatCount(p.slot?.predictions ?? 0)} of ${formatCount(dealt.played.length)}`); // biome-ignore format: one call
    const bytesUp = await readUplink(client);
    const reference = await steps.run('Recompute the quality', () => measureReference({ url: agents[0]?.url ?? '' }, SLOT, trained.manifest, source, dealt.played),
      (r) => `asked ${agents[0]?.plan.device ?? ''} for all ${formatCount(r.rows)} labelled rows`); // biome-ignore format: short
    const unclean = await steps.run(
      'End the processes',
      () =>
        endAll(
          family,
          agents.map((a) => a.child),
          hub,
        ),
      (names) => (names.length === 0 ? 'all cleanly' : names.join(', ')),
    );
    const facts: DemoFacts = {
      says: source.says, rowsInFile: source.rows, rowsTrained: dealt.trainedRows, rowsPlayed: dealt.played.length,
      labelsToCome: dealt.labelsToCome, version: `${MODEL}@${trained.version.version}`, manifest: trained.version.manifest, committed,
      agents: agents.length, devices: played.devices, slot: played.slot, reference, bytesUp, rawBytes: dealt.rawBytes, unclean,
      peakPerSecond: played.peakPerSecond,
    }; // biome-ignore format: one object
    const checks = judgeDemo(facts);
    if (!options.json) shell.out(renderSummary(facts, checks));
    return { facts, checks };
  } finally {
    await family.stopAll(END_MS);
  }
}

/** Agents first, so that their last windows still reach the hub. Names those that did not end with 0. */
async function endAll(
  family: ReturnType<typeof openFamily>,
  agents: readonly DemoHub['child'][],
  hub: DemoHub,
): Promise<string[]> {
  const codes = new Map([...(await family.stop(agents, END_MS)), ...(await family.stop([hub.child], END_MS))]);
  return [...codes].filter(([, code]) => code !== 0).map(([name, code]) => `${name} (${code})`);
}
