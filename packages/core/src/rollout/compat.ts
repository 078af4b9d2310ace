// Decides whether a device can run a model at all, from what both say about themselves. Never looks at a file.
import { accept, type Result, refuse } from '../reasons.ts';

/** What the model file needs; from its manifest. */
export interface RuntimeNeeds {
  readonly irVersion: number;
  readonly opset: number;
  readonly mlOpset: number;
}

/** What the runtime on the device can; 0 means that it did not say. */
export interface RuntimeLimits {
  readonly maxIr: number;
  readonly maxOpset: number;
  readonly maxMlOpset: number;
}

/** A limit that the device did not state refuses nothing: the device checks the file itself before it serves it. */
export function checkCompat(needs: RuntimeNeeds, limits: RuntimeLimits): Result<undefined> {
  const checks = [
    ['ai.onnx', needs.opset, limits.maxOpset],
    ['ai.onnx.ml', needs.mlOpset, limits.maxMlOpset],
    ['IR version', needs.irVersion, limits.maxIr],
  ] as const;
  const over = checks.find(([, need, limit]) => limit > 0 && need > limit);
  if (!over) return accept(undefined);
  return refuse('opset_too_new', `The model needs ${over[0]} ${over[1]}; the device has ${over[2]}.`);
}
