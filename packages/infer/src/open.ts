// Decides which ONNX Runtime this process uses: the native one, or WebAssembly where that does not exist.
import { type Result, refuse } from '@drover/core/reasons';
import { openNative } from './native.ts';
import type { InferenceRuntime } from './runtime.ts';
import { openWasm } from './wasm.ts';

export type RuntimePreference = 'auto' | 'native' | 'wasm';

type Open = () => Promise<Result<InferenceRuntime>>;

/** `auto` prefers native. Refuses with runtime_unavailable, naming what each runtime that was tried said. */
export async function openRuntime(
  preference: RuntimePreference,
  open: { readonly native: Open; readonly wasm: Open } = { native: openNative, wasm: openWasm },
): Promise<Result<InferenceRuntime>> {
  if (preference === 'wasm') return open.wasm();
  const native = await open.native();
  if (native.ok || preference === 'native') return native;
  const wasm = await open.wasm();
  return wasm.ok ? wasm : refuse('runtime_unavailable', `${native.detail} ${wasm.detail}`);
}
