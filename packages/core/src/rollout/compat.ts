// Decides whether a device can run a model at all, from what both say about themselves. Never looks at a file.
import { accept, type Result, refuse } from '../reasons.ts';
import { isShadow, SHADOW_FEATURE } from '../shadow.ts';

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
  /** What the agent can do beside the contract of 0.1. */
  readonly features?: readonly string[];
}

/** A limit that the device did not state refuses nothing: the device checks the file itself before it serves it. */
export function checkCompat(needs: RuntimeNeeds, limits: RuntimeLimits, slot: string): Result<undefined> {
  if (isShadow(slot) && !limits.features?.includes(SHADOW_FEATURE))
    return refuse('feature_missing', `An agent that does not know shadows would let the model of "${slot}" answer.`);
  const checks = [
    ['ai.onnx', needs.opset, limits.maxOpset],
    ['ai.onnx.ml', needs.mlOpset, limits.maxMlOpset],
    ['IR version', needs.irVersion, limits.maxIr],
  ] as const;
  const over = checks.find(([, need, limit]) => limit > 0 && need > limit);
  if (!over) return accept(undefined);
  return refuse('opset_too_new', `The model needs ${over[0]} ${over[1]}; the device has ${over[2]}.`);
}
