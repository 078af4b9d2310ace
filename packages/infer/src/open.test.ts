import { accept, type Result, refuse } from '@drover/core/reasons';
import { buildModel, node } from '@drover/onnx/build';
import { OPERATOR_DOMAINS } from '@drover/onnx/operators';
import { describe, expect, it } from 'vitest';
import { openNative } from './native.ts';
import { openRuntime } from './open.ts';
import type { InferenceRuntime } from './runtime.ts';
import { openWasm } from './wasm.ts';

const native: InferenceRuntime = { name: 'native', version: '', load: async () => refuse('onnx_load_failed', '') };
const wasm: InferenceRuntime = { ...native, name: 'wasm' };
const there = (runtime: InferenceRuntime) => async (): Promise<Result<InferenceRuntime>> => accept(runtime);
const missing = (what: string) => async (): Promise<Result<InferenceRuntime>> => refuse('runtime_unavailable', what);

describe('openRuntime', () => {
  it('prefers native, and takes WebAssembly only where native is missing and nobody insists', async () => {
    const both = { native: there(native), wasm: there(wasm) };
    const onlyWasm = { native: missing('no library.'), wasm: there(wasm) };
    expect(await openRuntime('auto', both)).toMatchObject({ value: { name: 'native' } });
    expect(await openRuntime('auto', onlyWasm)).toMatchObject({ value: { name: 'wasm' } });
    expect(await openRuntime('wasm', both)).toMatchObject({ value: { name: 'wasm' } });
    expect(await openRuntime('native', onlyWasm)).toMatchObject({ code: 'runtime_unavailable', detail: 'no library.' });
  });

  it('says what both said when neither is there', async () => {
    const neither = { native: missing('no library.'), wasm: missing('no SIMD.') };
    expect(await openRuntime('auto', neither)).toMatchObject({ detail: 'no library. no SIMD.' });
  });
});

describe('the operators that the check lets through', () => {
  it.each([
    ['native', openNative],
    ['wasm', openWasm],
  ])('are all known to the %s runtime', async (_name, open) => {
    const runtime = await open();
    if (!runtime.ok) throw new Error(runtime.detail);
    const unknown: string[] = [];
    let asked = 0;
    for (const [domain, { operators, optional }] of OPERATOR_DOMAINS) {
      if (optional) continue;
      for (const operator of operators) {
        asked += 1;
        const model = buildModel({
          name: 'one',
          opset: 26,
          mlOpset: 5,
          nodes: [node(operator, ['x'], ['y'], {}, domain === 'ai.onnx' ? '' : domain)],
          inputs: [{ name: 'x', dtype: 'float32', shape: ['N'] }],
          outputs: [{ name: 'y', dtype: 'float32', shape: ['N'] }],
        });
        const loaded = await runtime.value.load(model);
        if (loaded.ok) await loaded.value.release();
        // Most do not load, for want of inputs and attributes; what must not happen is that the name means nothing.
        else if (loaded.code !== 'onnx_load_failed' || /not a registered|No Op registered/i.test(loaded.detail)) {
          unknown.push(`${operator}: ${loaded.detail}`);
        }
      }
    }
    expect(unknown).toEqual([]);
    expect(asked).toBeGreaterThan(200);
  });
});
