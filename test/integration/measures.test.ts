// Models that were trained elsewhere and take a switch, a note or an image: their baselines are made by the command line, a real agent
// counts on them, and the hub tells what was measured.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildModel, floats, fs, i, node, ss } from '@drover/onnx/build';
import {
  type AgentProgram,
  deploy,
  type HubProgram,
  joinAgent,
  registerModel,
  remove,
  runAgent,
  scratch,
  startHub,
} from '@drover/testkit/fleet';
import { ENTRY, killAll, start } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import type { IncidentView } from '@drover/wire/http/alerts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = scratch('measures');
let hub: HubProgram;

/** P(leak) = sigmoid(load + door); the note is taken and does not matter. */
const buildTicketModel = (): Uint8Array =>
  buildModel({
    name: 'ticket',
    nodes: [
      node('LabelEncoder', ['c'], ['known'], { keys_strings: ss(['x']), values_floats: fs([0]) }, 'ai.onnx.ml'),
      node('MatMul', ['x', 'w'], ['linear']),
      node('Mul', ['known', 'zero'], ['nothing']),
      node('Add', ['linear', 'nothing'], ['score']),
      node('Sigmoid', ['score'], ['p1']),
      node('Sub', ['one', 'p1'], ['p0']),
      node('Concat', ['p0', 'p1'], ['probabilities'], { axis: i(1) }),
      node('ArgMax', ['probabilities'], ['label'], { axis: i(1), keepdims: i(0) }),
    ],
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['N', 2] },
      { name: 'c', dtype: 'string', shape: ['N', 1] },
    ],
    outputs: [
      { name: 'label', dtype: 'int64', shape: ['N'] },
      { name: 'probabilities', dtype: 'float32', shape: ['N', 2] },
    ],
    initializers: [floats('w', [2, 1], [1, 1]), floats('zero', [1], [0]), floats('one', [1], [1])],
  });

/** Softmax of the mean red and the mean green of an image; no label. */
const buildImageModel = (): Uint8Array =>
  buildModel({
    name: 'scratch',
    nodes: [
      node('GlobalAveragePool', ['image'], ['mean']),
      node('Flatten', ['mean'], ['flat'], { axis: i(1) }),
      node('MatMul', ['flat', 'w'], ['score']),
      node('Softmax', ['score'], ['probabilities'], { axis: i(1) }),
    ],
    inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 3, 6, 8] }],
    outputs: [{ name: 'probabilities', dtype: 'float32', shape: ['N', 2] }],
    initializers: [floats('w', [3, 2], [4, 0, 0, 4, 0, 0])],
  });

const ROWS = 1200;
const NOUNS = ['pump', 'valve', 'belt', 'motor', 'seal'];
const noteOf = (n: number): string => `${NOUNS[n % 5]} ${NOUNS[(n * 7) % 5]} checked at ${(n * 7919) % 10007}`;
const ticketOf = (n: number) => ({ load: Math.fround(Math.sin(n) * 3), door: n % 4 === 0 ? 1 : 0, note: noteOf(n) });
const PIXELS = 3 * 6 * 8;
const imageOf = (n: number): Float32Array =>
  Float32Array.from({ length: PIXELS }, (_, p) => 0.5 + 0.4 * Math.sin(n * 3.1 + p * 1.7));

function npyOf(shape: readonly number[], values: Float32Array): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const head = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([118, 0])]);
  return Buffer.concat([head, Buffer.from(`${text.padEnd(117)}\n`), Buffer.from(values.buffer)]);
}

async function makeBaseline(args: readonly string[]): Promise<string> {
  const program = start(ENTRY.cli, ['model', 'baseline', ...args]);
  expect(await program.waitForExit(), program.output()).toBe(0);
  return program.output();
}

beforeAll(async () => {
  hub = await startHub(path.join(dir, 'hub'), [], {
    DROVER_HUB_PROBATION_SECONDS: '0',
    DROVER_HUB_WINDOW_SECONDS: '1',
    DROVER_HUB_ALERT_SECONDS: '1',
  });
}, 60_000);
afterAll(async () => {
  await killAll();
  remove(dir);
});

type Line = Readonly<Record<string, string>>;
async function exportedOf(device: string): Promise<Line[]> {
  const response = await fetch(`${hub.httpUrl}/api/v1/windows/export?device=${device}`, {
    headers: { authorization: `Bearer ${hub.token}` },
  });
  const [head = '', ...lines] = (await response.text()).trim().split('\r\n');
  const names = head.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [names[at], cell])));
}

async function runWith(name: string, model: Uint8Array, baseline: string, more: object): Promise<AgentProgram> {
  await registerModel(hub, name, { model, baseline: readFileSync(baseline), ...more });
  const data = path.join(dir, `${name}-1`);
  await joinAgent(hub, data, `${name}-1`);
  const agent = await runAgent(data);
  expect(await deploy(hub, name, 1, [`${name}-1`])).toMatchObject([{ state: 'committed' }]);
  return agent;
}

describe('a model that was trained elsewhere', () => {
  it('is counted by its switch and by what is measured of its notes', { timeout: 120_000 }, async () => {
    const file = path.join(dir, 'ticket.onnx');
    writeFileSync(file, buildTicketModel());
    const table = path.join(dir, 'healthy.csv');
    const rows = Array.from({ length: ROWS }, (_, n) => ({ ...ticketOf(n), state: n % 3 === 0 ? 'leak' : 'ok' }));
    writeFileSync(
      table,
      `load,door,note,state\n${rows.map((r) => `${r.load},${r.door},${r.note},${r.state}`).join('\n')}\n`,
    );
    const out = path.join(dir, 'ticket.json');
    const names = ['--feature-names', 'load,door,note', '--classes', 'ok,leak'];
    const said = await makeBaseline([file, '--data', table, '--label', 'state', ...names, '--out', out]);
    expect(said).toContain('true or false: door');
    expect(said).toContain('text note: length');
    const { features } = JSON.parse(readFileSync(out, 'utf8')) as { features: { name: string; influence?: number }[] };
    const influenceOf = (wanted: string) => features.find(({ name }) => name === wanted)?.influence;
    // Of the load the answers hang most, and what is measured of a text is no field.
    expect(influenceOf('load')).toBeGreaterThan(Number(influenceOf('door')));
    expect(influenceOf('door')).toBeGreaterThan(0.01);
    expect(influenceOf('note (length)')).toBeUndefined();

    const agent = await runWith('ticket', buildTicketModel(), out, {
      featureNames: ['load', 'door', 'note'],
      classes: ['ok', 'leak'],
    });
    for (let n = 0; n < 40; n++) {
      // A switch may be sent as what it is; every second note is in another script, and no word of it is known.
      const { door, note, ...rest } = ticketOf(n);
      const fields = { ...rest, door: door === 1, note: n % 2 ? 'насос стучит сильно' : note };
      const response = await fetch(`${agent.httpUrl}/v1/predict/default`, {
        method: 'POST',
        body: JSON.stringify({ fields }),
      });
      expect(response.status, await response.clone().text()).toBe(200);
    }
    const lines = await until('the windows of all rows', async () => {
      const found = await exportedOf('ticket-1');
      const sum = found.filter(({ feature }) => feature === 'door').reduce((all, { seen }) => all + Number(seen), 0);
      return sum === 40 ? found : undefined;
    });
    const of = (name: string): Line[] => lines.filter(({ feature }) => feature === name);
    const total = (name: string, column: string): number =>
      of(name).reduce((sum, line) => sum + Number(line[column]) * Number(line['seen']), 0);
    expect(of('door').every(({ kind }) => kind === 'categorical')).toBe(true);
    expect(total('door', 'outside_share')).toBe(0);
    // Half of the scripts are such that training never met.
    expect(total('note (script)', 'outside_share')).toBeCloseTo(20, 6);
    expect(of('note (script)').filter((line) => line['unseen_distinct'] === '1').length).toBeGreaterThan(0);
    expect(of('note (length)').every(({ kind }) => kind === 'numeric')).toBe(true);
    // Of Cyrillic notes all words are new, of the others none but perhaps the number.
    expect(total('note (unknown words)', 'mean')).toBeGreaterThan(19.9);
    expect(total('note (unknown words)', 'mean')).toBeLessThan(25);
    expect(lines.some(({ feature }) => feature === 'note')).toBe(false);

    // A rule that watches a number of a model.
    const limit = { metric: 'model.unknown_categories', above: 0.1, below: null };
    const rule = {
      source: 'metric', severity: 'info', where: '', holdSeconds: 0, clearSeconds: 0, escalateMinutes: 0, isEnabled: true, limit,
    }; // biome-ignore format: one record
    expect((await hub.call('PUT', '/api/v1/alert-rules/strange', rule)).status).toBe(200);
    const { title } = await until('the incident', async () => {
      const { items } = await hub.get<{ items: IncidentView[] }>('/api/v1/incidents');
      return items.find((one) => one.rule === 'strange');
    });
    // Of 80 categories, switches and scripts, 20 are new.
    expect(title).toBe('model.unknown_categories of ticket is above 10 %: ticket-1 (25 %)');
    await agent.stop();
  });

  it('is counted by the light of its images and by their sums, and its answers are', { timeout: 120_000 }, async () => {
    const file = path.join(dir, 'scratch.onnx');
    writeFileSync(file, buildImageModel());
    const pixels = new Float32Array(ROWS * PIXELS);
    for (let n = 0; n < ROWS; n++) pixels.set(imageOf(n), n * PIXELS);
    const array = path.join(dir, 'healthy.npy');
    writeFileSync(array, npyOf([ROWS, 3, 6, 8], pixels));
    const out = path.join(dir, 'scratch.json');
    const said = await makeBaseline([file, '--tensor', `image=${array}`, '--classes', 'ok,scratch', '--out', out]);
    expect(said).toContain('image image: 16 random sums, brightness');

    const agent = await runWith('scratch', buildImageModel(), out, { classes: ['ok', 'scratch'] });
    const infer = async (dim: number): Promise<void> => {
      const data = Array.from({ length: 4 }, (_, n) => Array.from(imageOf(n), (x) => x * dim)).flat();
      const body = { inputs: [{ name: 'image', shape: [4, 3, 6, 8], datatype: 'FP32', data }] };
      const response = await fetch(`${agent.httpUrl}/v2/models/default/infer`, {
        method: 'POST',
        body: JSON.stringify(body),
      });
      expect(response.status, await response.clone().text()).toBe(200);
    };
    for (let call = 0; call < 5; call++) await infer(0.5);
    const lines = await until('the windows of all images', async () => {
      const found = await exportedOf('scratch-1');
      const sum = found
        .filter(({ feature }) => feature === '(output)')
        .reduce((all, { seen }) => all + Number(seen), 0);
      return sum === 20 ? found : undefined;
    });
    const light = lines.filter(({ feature }) => feature === 'image (brightness)');
    expect(light.reduce((sum, { seen }) => sum + Number(seen), 0)).toBe(20);
    // Half as bright as in training, where the mean of every image is close to a half.
    for (const { mean, level } of light) {
      expect(Number(mean)).toBeCloseTo(0.25, 1);
      expect(Number(level)).toBeLessThan(-1);
    }
    expect(lines.some(({ feature }) => feature === 'image (projection 16)')).toBe(true);
    expect(lines.some(({ feature }) => feature === '(confidence)')).toBe(true);
    await agent.stop();
  });

  it('without rows that fit it gets no baseline, and no file', { timeout: 60_000 }, async () => {
    const file = path.join(dir, 'image-only.onnx');
    writeFileSync(file, buildImageModel());
    const array = path.join(dir, 'flat.npy');
    writeFileSync(array, npyOf([2, PIXELS], new Float32Array(2 * PIXELS)));
    const out = path.join(dir, 'none.json');
    const program = start(ENTRY.cli, ['model', 'baseline', file, '--tensor', `image=${array}`, '--out', out]);
    expect(await program.waitForExit()).not.toBe(0);
    expect(program.output()).toMatch(/takes \[N, 3, 6, 8\] and the file holds \[2, 144\]/);
    expect(existsSync(out)).toBe(false);
  });
});
