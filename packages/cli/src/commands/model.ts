// `drover model list|show|alias`: what is registered. Registering and training have their own files.
import type { Static } from '@drover/wire/http/check';
import { Model, ModelSlices, Version, VersionDetail } from '@drover/wire/http/models';
import type { Command } from 'commander';
import { failUsage } from '../failure.ts';
import { formatMetric, writeHeadline } from '../headline.ts';
import { at, type HubClient } from '../hub-client.ts';
import { formatBytes, renderPairs, shortDigest, type TableColumn } from '../table.ts';
import {
  addConnectionOptions,
  asPage,
  type Cli,
  type ConnectionOptions,
  connect,
  present,
  tableFor,
} from './common.ts';

type ModelView = Static<typeof Model>;
type VersionView = Static<typeof Version>;

const MODELS: readonly TableColumn<ModelView>[] = [
  { title: 'MODEL', value: (m) => m.name },
  { title: 'LATEST', value: (m) => m.latest, align: 'right' },
  { title: 'ALIASES', value: (m) => Object.entries(m.aliases).map(([alias, version]) => `${alias}=${version}`).join(' ') },
  { title: 'CREATED', value: (m) => m.createdAt },
]; // biome-ignore format: one row a column

const VERSIONS: readonly TableColumn<VersionView>[] = [
  { title: 'VERSION', value: (v) => v.version, align: 'right' },
  { title: 'ALIASES', value: (v) => v.aliases.join(' ') },
  { title: 'SOURCE', value: (v) => v.source },
  { title: 'SIZE', value: (v) => formatBytes(v.sizeBytes), align: 'right' },
  { title: 'RUNNING ON', value: (v) => v.runningOn, align: 'right' },
  { title: 'MANIFEST', value: (v) => shortDigest(v.manifest) },
  { title: 'CREATED', value: (v) => v.createdAt },
  { title: 'METRICS', value: (v) => writeHeadline(v.metrics) },
];

/** `model`, `model@3` or `model@champion`. Without a version the latest is meant. */
export function parseModelRef(text: string): { readonly model: string; readonly version: number | string | undefined } {
  const match = /^([a-z0-9][a-z0-9._-]{0,62})(?:@([a-z0-9][a-z0-9._-]{0,62}))?$/.exec(text);
  if (!match?.[1])
    throw failUsage(
      `"${text}" does not name a model.`,
      'Write MODEL, MODEL@VERSION or MODEL@ALIAS, such as wear@3 or wear@champion.',
    );
  const version = match[2];
  return {
    model: match[1],
    version: version !== undefined && /^[1-9]\d{0,9}$/.test(version) ? Number(version) : version,
  };
}

/** The version number a reference means now. */
export async function resolveVersion(client: HubClient, ref: ReturnType<typeof parseModelRef>): Promise<number> {
  if (typeof ref.version === 'number') return ref.version;
  const model = await client.ask(Model, at('models', ref.model));
  if (ref.version === undefined) {
    if (model.latest === 0)
      throw failUsage(
        `The model "${ref.model}" has no version yet.`,
        'Register one: drover model register FILE --name ' + ref.model,
      );
    return model.latest;
  }
  const version = model.aliases[ref.version];
  if (version !== undefined) return version;
  const known = Object.keys(model.aliases).join(', ') || 'none';
  throw failUsage(
    `The model "${ref.model}" has no alias "${ref.version}" (aliases: ${known}).`,
    `Set it: drover model alias ${ref.model}@VERSION ${ref.version}`,
  );
}

function renderVersion(version: Static<typeof VersionDetail>): string {
  const metrics = Object.entries(version.metrics).map(([name, value]) => [name, formatMetric(value)] as const);
  return renderPairs([
    ['model', `${version.model}@${version.version}`],
    ['aliases', version.aliases.join(' ')],
    ['manifest', `sha256:${version.manifest}`],
    ['signed by', version.keyids.map((k) => k.slice(0, 16)).join(' ')],
    ['source', version.run ? `${version.source}, run ${version.run}` : version.source],
    ['size', formatBytes(version.sizeBytes)],
    ['created', version.createdAt],
    ['running on', `${version.runningOn} devices`],
    ...metrics,
  ]);
}

export function addModelCommands(model: Command, cli: Cli): void {
  addConnectionOptions(model.command('list').summary('list models').description('Lists the registered models.'))
    .addHelpText('after', '\nExample:\n  drover model list')
    .action(async (options: ConnectionOptions) => {
      const models = await connect(cli, options).askAll(Model, at('models'));
      present(cli, options, asPage(models), () => tableFor(cli, MODELS, models, 'No model yet: drover model register FILE --name NAME, or drover model train FILE --name NAME --label COLUMN'));
    }); // biome-ignore format: one chain
  addConnectionOptions(model.command('show').summary('show a model or one of its versions').description('Shows the versions of a model; with @VERSION or @ALIAS that version in full.'))
    .argument('<model>', 'MODEL, MODEL@VERSION or MODEL@ALIAS')
    .addHelpText('after', '\nExamples:\n  drover model show wear\n  drover model show wear@champion --json')
    .action(async (text: string, options: ConnectionOptions) => {
      const client = connect(cli, options);
      const ref = parseModelRef(text);
      if (ref.version === undefined) {
        const versions = await client.askAll(Version, at('models', ref.model, 'versions'));
        present(cli, options, asPage(versions), () => tableFor(cli, VERSIONS, versions, `The model "${ref.model}" has no version yet.`));
        return;
      }
      const version = await client.ask(VersionDetail, at('models', ref.model, 'versions', await resolveVersion(client, ref)));
      present(cli, options, version, () => renderVersion(version));
    }); // biome-ignore format: one chain
  addConnectionOptions(model.command('slices').summary('labels by which its answers are compared').description('Shows or declares the labels of devices by whose values the answers of a model are always compared (docs/quality.md). "none" ends it.'))
    .argument('<model>', 'MODEL')
    .argument('[labels...]', 'labels in place of those before; without any they are shown')
    .addHelpText('after', '\nExamples:\n  drover model slices wear site shift\n  drover model slices wear\n  drover model slices wear none')
    .action(async (name: string, given: readonly string[], options: ConnectionOptions) => {
      const client = connect(cli, options);
      const route = at('models', parseModelRef(name).model, 'slices');
      const body = { labels: given.length === 1 && given[0] === 'none' ? [] : given };
      const slices = await client.ask(ModelSlices, route, given.length === 0 ? {} : { method: 'PUT', body });
      present(cli, options, slices, () => slices.labels.length === 0 ? `The answers of ${name} are compared by nothing.\n` : `The answers of ${name} are compared by ${slices.labels.join(', ')}: drover quality ${name}\n`);
    }); // biome-ignore format: one chain
  addConnectionOptions(model.command('alias').summary('point an alias at a version').description('Points an alias such as champion at a version. What devices run does not change.'))
    .argument('<model>', 'MODEL@VERSION')
    .argument('<alias>', 'name of the alias')
    .addHelpText('after', '\nExample:\n  drover model alias wear@3 champion')
    .action(async (text: string, alias: string, options: ConnectionOptions) => {
      const client = connect(cli, options);
      const ref = parseModelRef(text);
      const version = await resolveVersion(client, ref);
      const bytes = await client.askBytes(at('models', ref.model, 'aliases', alias), { method: 'PUT', body: { version } });
      const answer: unknown = bytes.length === 0 ? { model: ref.model, alias, version } : JSON.parse(Buffer.from(bytes).toString('utf8'));
      present(cli, options, answer, () => `${ref.model}@${alias} is now version ${version}.\n`);
    }); // biome-ignore format: one chain
}
