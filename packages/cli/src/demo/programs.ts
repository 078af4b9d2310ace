// Starts the demo's hub and agents and waits until each is really up. Never trains and never deploys.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../commands/common.ts';
import { type CliFailure } from '../failure.ts';
import { type HubClient, openHubClient } from '../hub-client.ts';
import type { Target } from '../target.ts';
import { type Child, type Family, failChild } from './children.ts';
import { failStep } from './steps.ts';

export const WINDOW_SECONDS = 5;
const PROBATION_SECONDS = 1;
const START_MS = 60_000;
const JOIN_MS = 60_000;
/** Programs that start at the same time: each costs about a second of one core. */
const ABREAST = 4;

export interface Surroundings {
  readonly dir: string;
  readonly family: Family;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly fetcher: typeof fetch;
}

export interface DemoHub {
  readonly child: Child;
  readonly client: HubClient;
  readonly url: string;
  readonly dataDir: string;
  readonly tokenFile: string;
}

function readJson(file: string): Record<string, unknown> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch {
    // Half written: the next look finds it whole.
    return undefined;
  }
}

/** Waits for the file that a program writes when it is ready, and fails at once when the program ends instead. */
async function waitReady(
  where: Surroundings,
  child: Child,
  file: string,
  key: string,
  deadlineMs: number,
): Promise<string> {
  const found = await waitFor(async () => {
    if (child.exitCode() !== undefined) throw failChild(child);
    const json = readJson(file);
    const value = json?.['pid'] === child.pid ? (json[key] ?? 'none') : undefined;
    return typeof value === 'string' ? value : undefined;
  }, { everyMs: 50, timeoutMs: deadlineMs, now: where.now, signal: where.signal }); // biome-ignore format: short
  if (found !== undefined) return found;
  throw failStep(
    `"${child.name}" was not ready within ${deadlineMs / 1000} s.`,
    `Its log: ${child.logFile} (use --keep).`,
  );
}

export async function startHub(where: Surroundings): Promise<DemoHub> {
  const dataDir = path.join(where.dir, 'hub');
  const child = where.family.start('hub', 'hub', [
    '--dev', '--data', dataDir, '--http', '127.0.0.1:0', '--mqtt', '127.0.0.1:0', '--devices', '127.0.0.1:0', '--log-level', 'warn',
    '--window-seconds', String(WINDOW_SECONDS), '--probation-seconds', String(PROBATION_SECONDS),
  ]); // biome-ignore format: one command line
  const url = await waitReady(where, child, path.join(dataDir, 'run', 'hub.json'), 'httpUrl', START_MS);
  const tokenFile = path.join(dataDir, 'run', 'token');
  const target: Target = {
    hub: { value: url, from: 'demo' },
    tokenFile: { value: tokenFile, from: 'demo' },
    loginFile: '',
    hubData: { value: dataDir, from: 'demo' },
    agentData: { value: where.dir, from: 'demo' },
    caFile: undefined,
    contextFile: { value: '', from: 'demo' },
  };
  return { child, client: openHubClient(target, where.fetcher), url, dataDir, tokenFile };
}

/** What one agent of the demo plays. */
export interface AgentPlan {
  readonly device: string;
  readonly dataDir: string;
  readonly labels: readonly string[];
  readonly source: string;
  readonly rows: number;
  readonly rowsPerSecond: number;
  readonly labelColumn: string;
  readonly labelDelayMs: number;
}

/** Runs `work` on all items, a few at a time; the first failure ends it. */
async function forEachAbreast<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const next = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(ABREAST, items.length) }, next));
}

export async function joinAgents(where: Surroundings, hub: DemoHub, plans: readonly AgentPlan[]): Promise<void> {
  await forEachAbreast(plans, async (plan) => {
    const labels = plan.labels.flatMap((label) => ['--label', label]);
    const child = where.family.start(`join-${plan.device}`, 'agent', [
      'join', '--hub', hub.url, '--token-file', hub.tokenFile, '--id', plan.device, '--data', plan.dataDir, ...labels,
    ]); // biome-ignore format: one command line
    const code = await waitFor(async () => child.exitCode(), {
      everyMs: 50,
      timeoutMs: JOIN_MS,
      now: where.now,
      signal: where.signal,
    });
    if (code === undefined) throw failStep(`"${plan.device}" did not join within ${JOIN_MS / 1000} s.`);
    if (code !== 0) throw failChild(child);
  });
}

export interface DemoAgent {
  readonly plan: AgentPlan;
  readonly child: Child;
  readonly url: string;
}

export async function startAgents(where: Surroundings, plans: readonly AgentPlan[]): Promise<DemoAgent[]> {
  const agents: DemoAgent[] = [];
  await forEachAbreast(plans, async (plan) => {
    const child = where.family.start(plan.device, 'agent', [
      'run', '--data', plan.dataDir, '--http', '127.0.0.1:0', '--source', `csv:${plan.source}`, '--rate', plan.rowsPerSecond.toFixed(4),
      '--label-column', plan.labelColumn, '--label-delay-ms', String(plan.labelDelayMs), '--log-level', 'warn',
    ]); // biome-ignore format: one command line
    const url = await waitReady(where, child, path.join(plan.dataDir, 'run', 'agent.json'), 'httpUrl', START_MS);
    agents.push({ plan, child, url });
  });
  return agents;
}

/** The failure of the first child that ended although it should run; `join` processes end by themselves. */
export function findLost(family: Family): CliFailure | undefined {
  const child = family.lost().find((c) => !c.name.startsWith('join-') || c.exitCode() !== 0);
  return child && failChild(child);
}
