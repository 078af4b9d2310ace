// ONNX Runtime as a native library (onnxruntime-node): fastest, and only where its platforms are. See runtime.ts for
// why it blocks and what must never be done to a worker that runs it.
//
// The public API wraps a synchronous call in setImmediate, which costs as much as a small model. The synchronous
// binding underneath is private, so it is used only when it behaves as expected on a model with a known answer;
// otherwise the public API serves, without `runSync`.
import { createRequire } from 'node:module';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { buildModel, floats, node } from '@drover/onnx/build';
import { checkModel, type ModelInfo } from '@drover/onnx/check';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { type InferenceRuntime, type LoadOptions, type ModelSession, quoteError } from './runtime.ts';
import { fromOrtOutputs, type TensorConstructor, toOrtFeeds } from './tensors.ts';

type Ort = typeof import('onnxruntime-node');

/** The private binding, as far as it is used. */
interface BoundSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: InferenceSession.SessionOptions): void;
  run(
    feeds: Record<string, Tensor>,
    fetches: Readonly<Record<string, null>>,
    options: InferenceSession.RunOptions,
  ): Record<string, Tensor>;
  dispose(): void;
}
type BoundSessionConstructor = new () => BoundSession;

const sessionOptions = ({ threads = 1 }: LoadOptions): InferenceSession.SessionOptions => ({
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  // Fatal only: what fails is thrown to the caller as well, and the runtime would write it to stderr past every log.
  logSeverityLevel: 4,
});

const NO_OPTIONS = {};
/** A run fetches each output into memory that the runtime allocates: null. */
const listFetches = (names: readonly string[]): Readonly<Record<string, null>> =>
  Object.fromEntries(names.map((name) => [name, null]));

const nameOutputs = (info: ModelInfo): string[] => info.outputs.map(({ name }) => name);

const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

function openBound(make: TensorConstructor, session: BoundSession, info: ModelInfo): ModelSession {
  const allOutputs = listFetches(nameOutputs(info));
  const fetchesOf = (names?: readonly string[]) => (names === undefined ? allOutputs : listFetches(names));
  const runSync: NonNullable<ModelSession['runSync']> = (feeds, outputNames) =>
    fromOrtOutputs(session.run(toOrtFeeds(make, feeds), fetchesOf(outputNames), NO_OPTIONS));
  return {
    info,
    inputs: info.inputs,
    outputs: info.outputs,
    runSync,
    run: async (feeds, outputNames) => {
      await nextTurn();
      return runSync(feeds, outputNames);
    },
    bind: (feeds, outputNames) => {
      const tensors = toOrtFeeds(make, feeds);
      const fetches = fetchesOf(outputNames);
      return () => fromOrtOutputs(session.run(tensors, fetches, NO_OPTIONS));
    },
    release: async () => session.dispose(),
  };
}

function openPublic(make: TensorConstructor, session: InferenceSession, info: ModelInfo): ModelSession {
  return {
    info,
    inputs: info.inputs,
    outputs: info.outputs,
    run: async (feeds, outputNames) =>
      fromOrtOutputs(await session.run(toOrtFeeds(make, feeds), outputNames ?? nameOutputs(info))),
    release: () => session.release(),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The private session class, when this build of onnxruntime-node has one of the known form. */
function findBinding(): BoundSessionConstructor | undefined {
  try {
    const found: unknown = createRequire(import.meta.url)('onnxruntime-node/dist/binding.js');
    if (!isRecord(found) || !isRecord(found['binding']) || typeof found['initOrt'] !== 'function') return undefined;
    const session = found['binding']['InferenceSession'];
    if (typeof session !== 'function') return undefined;
    found['initOrt']();
    return session as BoundSessionConstructor;
  } catch {
    return undefined;
  }
}

/** x + 1, in one node. */
const buildProbe = (): Uint8Array =>
  buildModel({
    name: 'probe',
    nodes: [node('Add', ['x', 'one'], ['y'])],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N'] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N'] }],
    initializers: [floats('one', [1], [1])],
  });

/** True when the private binding computes x + 1 of two inputs in a row: a changed signature must not reach a model. */
function bindingWorks(make: TensorConstructor, Session: BoundSessionConstructor): boolean {
  try {
    const model = buildProbe();
    const session = new Session();
    session.loadModel(model.buffer, model.byteOffset, model.byteLength, sessionOptions({}));
    const data = new Float32Array([1, 2]);
    const feeds = { x: new make('float32', data, [2]) };
    const first = session.run(feeds, { y: null }, NO_OPTIONS)['y']?.data;
    data[0] = 40;
    const second = session.run(feeds, { y: null }, NO_OPTIONS)['y']?.data;
    session.dispose();
    const answers = [first, second].map((each) => (each instanceof Float32Array ? each.join() : ''));
    return answers[0] === '2,3' && answers[1] === '41,3';
  } catch {
    return false;
  }
}

export interface NativeOptions {
  /** Never use the private synchronous binding. */
  readonly publicOnly?: boolean;
}

/** Refuses with runtime_unavailable where the native library does not load: another platform, another libc. */
export async function openNative(options: NativeOptions = {}): Promise<Result<InferenceRuntime>> {
  let ort: Ort;
  try {
    const loaded: Ort & { default?: Ort } = await import('onnxruntime-node');
    ort = loaded.default ?? loaded;
  } catch (error) {
    return refuse('runtime_unavailable', `onnxruntime-node: ${quoteError(error)}.`);
  }
  const found = options.publicOnly === true ? undefined : findBinding();
  const Session = found !== undefined && bindingWorks(ort.Tensor, found) ? found : undefined;
  return accept({
    name: 'native',
    version: ort.env.versions.node ?? ort.env.versions.common,
    load: async (model, loadOptions = {}) => {
      const info = checkModel(model, loadOptions.check);
      if (!info.ok) return info;
      try {
        if (Session === undefined) {
          const opened = await ort.InferenceSession.create(model, sessionOptions(loadOptions));
          return accept(openPublic(ort.Tensor, opened, info.value));
        }
        const session = new Session();
        session.loadModel(model.buffer, model.byteOffset, model.byteLength, sessionOptions(loadOptions));
        return accept(openBound(ort.Tensor, session, info.value));
      } catch (error) {
        return refuse('onnx_load_failed', `ONNX Runtime: ${quoteError(error)}.`);
      }
    },
  });
}
