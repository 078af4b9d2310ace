// Decides which ONNX Runtime this process uses: the native one, or WebAssembly where that does not exist.
import { type Result, refuse } from '@drover/core/reasons';
import { openNative } from './native.ts';
import type { InferenceRuntime } from './runtime.ts';
import { openWasm } from './wasm.ts';

export type RuntimePreference = 'auto' | 'native' | 'wasm';

/** `auto` prefers native. Refuses with runtime_unavailable, naming what each runtime tried said. */
export async function openRuntime(preference: RuntimePreference): Promise<Result<InferenceRuntime>> {
  if (preference === 'wasm') return openWasm();
  const native = await openNative();
  if (native.ok || preference === 'native') return native;
  const wasm = await openWasm();
  return wasm.ok ? wasm : refuse('runtime_unavailable', `${native.detail} ${wasm.detail}`);
}
