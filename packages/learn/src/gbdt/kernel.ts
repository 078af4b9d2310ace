// Owns the choice of the inner-loop kernel (WebAssembly SIMD, or plain JavaScript with the same bits) and its memory.

import { createPlainLoops, type Loops } from './kernel-plain.ts';
import { KERNEL_WASM } from './kernel-wasm.ts';

export interface Kernel extends Loops {
  readonly name: 'simd' | 'plain';
  readonly buffer: ArrayBuffer;
}

export type KernelName = Kernel['name'];

const PAGE = 65_536;
/** What 32-bit WebAssembly memory can address. */
export const MAX_KERNEL_BYTES = 4 * 2 ** 30 - PAGE;

interface Exports {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  histograms: Loops['histograms'];
  gather: Loops['gather'];
  subtract: Loops['subtract'];
  partition: Loops['partition'];
}

/** The part of the standard global used here: the project compiles without the browser's types, which hold it. */
declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
};

let compiled: object | undefined;

function createSimdKernel(bytes: number): Kernel {
  compiled ??= new WebAssembly.Module(Buffer.from(KERNEL_WASM.join(''), 'base64'));
  const instance = new WebAssembly.Instance(compiled, {});
  const loops = instance.exports as Exports;
  loops.memory.grow(Math.ceil(bytes / PAGE));
  return {
    name: 'simd',
    buffer: loops.memory.buffer,
    histograms: loops.histograms,
    gather: loops.gather,
    subtract: loops.subtract,
    partition: loops.partition,
  };
}

/** True where this engine compiles the SIMD kernel. */
export function hasSimd(): boolean {
  try {
    return WebAssembly.validate(Buffer.from(KERNEL_WASM.join(''), 'base64'));
  } catch {
    return false;
  }
}

/** A kernel with at least `bytes` of zeroed memory (at most `MAX_KERNEL_BYTES`). Without `name`: SIMD where it exists. */
export function createKernel(bytes: number, name?: KernelName): Kernel {
  if ((name ?? (hasSimd() ? 'simd' : 'plain')) === 'simd') return createSimdKernel(bytes);
  const buffer = new ArrayBuffer(Math.ceil(bytes / 16) * 16);
  return { name: 'plain', buffer, ...createPlainLoops(buffer) };
}
