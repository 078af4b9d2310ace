// ONNX Runtime as WebAssembly (onnxruntime-web), one thread, for platforms without the native library. It reads its
// .wasm file from its own package and never the network. Preallocated outputs are not offered: 1.30 ignores them
// silently.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { checkModel } from '@drover/onnx/check';
import type { InferenceSession } from 'onnxruntime-node';
import { type InferenceRuntime, quoteError } from './runtime.ts';
import { fromOrtOutputs, toOrtFeeds } from './tensors.ts';

type Ort = typeof import('onnxruntime-web');

const OPTIONS: InferenceSession.SessionOptions = { executionProviders: ['wasm'], logSeverityLevel: 4 };

/** Refuses with runtime_unavailable when the package is not there or the engine has no WebAssembly SIMD. */
export async function openWasm(): Promise<Result<InferenceRuntime>> {
  let ort: Ort;
  try {
    ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
  } catch (error) {
    return refuse('runtime_unavailable', `onnxruntime-web: ${quoteError(error)}.`);
  }
  return accept({
    name: 'wasm',
    version: ort.env.versions.web ?? ort.env.versions.common,
    load: async (model, options = {}) => {
      const checked = checkModel(model, options.check);
      if (!checked.ok) return checked;
      const info = checked.value;
      const allOutputs = info.outputs.map(({ name }) => name);
      try {
        const session = await ort.InferenceSession.create(model, OPTIONS);
        return accept({
          info,
          inputs: info.inputs,
          outputs: info.outputs,
          run: async (feeds, outputNames) =>
            fromOrtOutputs(await session.run(toOrtFeeds(ort.Tensor, feeds), outputNames ?? allOutputs)),
          release: () => session.release(),
        });
      } catch (error) {
        return refuse('onnx_load_failed', `ONNX Runtime (wasm): ${quoteError(error)}.`);
      }
    },
  });
}
