// `drover simulate`: tries a rollout plan on simulated fleets, without a hub. The deciding is the hub's own (packages/core/src/rollout).
import { DEPLOY_PLAN, type Plan } from '@drover/core/rollout/plan';
import { type RunResult, type Simulation, simulateRollout } from '@drover/sim/rollout/simulate';
import { type AnswerBehaviour, SOUND_ANSWERS } from '@drover/sim/rollout/virtual-answers';
import type { DeviceBehaviour } from '@drover/sim/rollout/virtual-device';
import { readPlan } from '@drover/wire/http/rollout-plan';
import { type Command, InvalidArgumentError } from 'commander';
import { failRefused, failUsage } from '../failure.ts';
import { openProgress } from '../progress.ts';
import { describeMs, formatCount, type TableColumn } from '../table.ts';
import { addJsonOption, type Cli, collect, parseDuration, parseWhole, present, tableFor } from './common.ts';
import { readRequest } from './rollout-file.ts';

const HARMS = {
  install: 'percent of devices on which the version always fails to install',
  transient: 'percent of tries that fail and may be repeated',
  silent: 'percent of tries that hang for ever',
  errors: 'factor on the odds of an answer that fails (2 % without it)',
  latency: 'factor on the latency of answers',
} as const;
type Harm = keyof typeof HARMS;

interface SimulateOptions {
  readonly fleet: number;
  readonly runs: number;
  readonly seed: number;
  readonly perLine: number;
  readonly offline: number;
  readonly offlineFor: number;
  readonly download: number;
  readonly until: number;
  readonly harm?: string[];
  readonly json?: boolean;
}

function parsePercent(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('It must be a percentage, 0 to 100.');
}

function readHarms(given: readonly string[]): ReadonlyMap<Harm, number> {
  const harms = new Map<Harm, number>();
  for (const one of given) {
    const [kind = '', text = ''] = one.split('=');
    const value = Number(text);
    if (!Object.hasOwn(HARMS, kind) || text === '' || !Number.isFinite(value) || value < 0)
      throw failUsage(`"${one}" is no harm.`, `Give ${Object.keys(HARMS).join(', ')}, each with =NUMBER.`);
    harms.set(kind as Harm, value);
  }
  return harms;
}

function readFleet(options: SimulateOptions): { behaviour: DeviceBehaviour; answers: AnswerBehaviour } {
  const harms = readHarms(options.harm ?? []);
  const share = (kind: Harm): number => Math.min(1, (harms.get(kind) ?? 0) / 100);
  return {
    behaviour: {
      offlineShare: options.offline / 100,
      offlineMeanMs: options.offlineFor,
      downloadMs: options.download,
      activateMs: 10_000,
      probationMs: 60_000,
      transientFailure: share('transient'),
      harm: share('install'),
      silence: share('silent'),
    },
    answers: { ...SOUND_ANSWERS, odds: harms.get('errors') ?? 1, latency: harms.get('latency') ?? 1 },
  };
}

interface Line {
  readonly what: string;
  readonly runs: number;
  readonly median: string;
  readonly high: string;
}

const COLUMNS: readonly TableColumn<Line>[] = [
  { title: 'WHAT', value: (l) => l.what },
  { title: 'RUNS', value: (l) => l.runs, align: 'right' },
  { title: 'HALF', value: (l) => l.median, align: 'right' },
  { title: '95 OF 100', value: (l) => l.high, align: 'right' },
];

function lineOf(what: string, values: readonly (number | null)[], show: (value: number) => string): Line {
  const known = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  const at = (q: number): string => {
    const value = known[Math.min(known.length - 1, Math.floor(q * known.length))];
    return value === undefined ? '-' : show(value);
  };
  return { what, runs: known.length, median: at(0.5), high: at(0.95) };
}

function linesOf({ runs, states }: Simulation): Line[] {
  const count = (state: string): Line => ({
    what: `ended ${state}`,
    runs: states[state as keyof typeof states] ?? 0,
    median: '',
    high: '',
  });
  const whole = (value: number): string => formatCount(value);
  const stopped = runs.filter((run) => run.stoppedAt !== null);
  return [
    ...Object.keys(states).map(count),
    lineOf(
      'over after',
      runs.map(({ endedAt }) => endedAt),
      describeMs,
    ),
    lineOf(
      'stopped itself after',
      stopped.map(({ stoppedAt }) => stoppedAt),
      describeMs,
    ),
    lineOf(
      'devices that had it when it stopped',
      stopped.map(({ exposed }) => exposed),
      whole,
    ),
    lineOf(
      'devices that have it in the end',
      runs.map(({ have }) => have),
      whole,
    ),
  ];
}

/** The commonest reason, without its numbers told apart. */
function lastWord(runs: readonly RunResult[], plan: Plan): string {
  const counts = new Map<string, { n: number; text: string }>();
  for (const { state, because } of runs) {
    const key = `${state} ${because.replaceAll(/[\d.]+/g, '#')}`;
    const entry = counts.get(key) ?? { n: 0, text: `${state}. ${because}` };
    counts.set(key, { ...entry, n: entry.n + 1 });
  }
  const [first] = [...counts.values()].toSorted((a, b) => b.n - a.n);
  const stages = plan.stages.map(({ name }) => name).join(', ');
  return first ? `Most often (${first.n} of ${runs.length}; stages ${stages}): ${first.text}\n` : '';
}

function simulate(cli: Cli, file: string | undefined, options: SimulateOptions): void {
  const body = file === undefined ? undefined : readRequest(cli, file).plan;
  const plan = body ? readPlan(body, () => undefined) : { ok: true as const, value: DEPLOY_PLAN };
  if (!plan.ok) throw failRefused(plan);
  const progress = openProgress(cli.shell, options.json === true);
  const done = simulateRollout({
    plan: plan.value,
    fleet: { devices: options.fleet, perLine: options.perLine, ...readFleet(options) },
    runs: options.runs,
    seed: options.seed,
    untilMs: options.until,
    onRun: (n) => progress.show(`${n} of ${options.runs} runs`),
  });
  progress.end();
  present(cli, options, done, () => `${tableFor(cli, COLUMNS, linesOf(done), '')}\n${lastWord(done.runs, plan.value)}`);
}

export function addSimulateCommand(program: Command, cli: Cli): void {
  const harms = Object.entries(HARMS)
    .map(([kind, means]) => `  ${kind.padEnd(10)} ${means}`)
    .join('\n');
  addJsonOption(program.command('simulate').summary('try a rollout plan on simulated fleets'))
    .description(
      'Runs a rollout plan on simulated fleets on virtual time, by the decisions of the hub itself: how long it takes, whether and ' +
        'when it stops itself, how many devices had the version by then. Needs no hub. Simulated devices have the labels line=l0, l1, … and canary=true on ' +
        'each tenth; their answers are of the kind that docs/rollouts.md measures with.',
    )
    .argument('[file]', 'the file of drover rollout start; without it: everyone at once')
    .option('--fleet <n>', 'devices', parseWhole, 1000)
    .option('--runs <n>', 'fleets to try', parseWhole, 20)
    .option('--seed <n>', 'the same seed gives the same answer', parseWhole, 1)
    .option('--per-line <n>', 'devices that share the label line', parseWhole, 5)
    .option('--offline <percent>', 'share of the time that a device is away', parsePercent, 5)
    .option('--offline-for <duration>', 'how long it then is away in the mean', parseDuration, 4 * 3_600_000)
    .option('--download <duration>', 'how long a device downloads in the mean', parseDuration, 120_000)
    .option('--until <duration>', 'no run is followed for longer', parseDuration, 60 * 86_400_000)
    .option('--harm <kind=number>', 'what is wrong with the version or the way there; may be given several times', collect)
    .addHelpText('after', `
Harms:
${harms}

Examples:
  drover simulate canary.yaml --fleet 10000
  drover simulate canary.yaml --fleet 500 --harm install=20
  drover simulate canary.yaml --harm errors=2 --runs 100 --json`)
    .action((file: string | undefined, options: SimulateOptions) => simulate(cli, file, options)); // biome-ignore format: as it prints
}
