// Opens ONNX Runtime with the first model: an agent without one stays small. Never loads a model.
import type { Result } from '@drover/core/reasons';
import type { RuntimePreference } from '@drover/infer/open';
import type { InferenceRuntime } from '@drover/infer/runtime';

export interface RuntimeOnce {
  /** The runtime that was opened; undefined before the first model. */
  opened(): InferenceRuntime | undefined;
  open(): Promise<Result<InferenceRuntime>>;
}

export function makeRuntimeOnce(preference: RuntimePreference, onOpened: () => void): RuntimeOnce {
  let runtime: InferenceRuntime | undefined;
  let opening: Promise<Result<InferenceRuntime>> | undefined;
  return {
    opened: () => runtime,
    open() {
      opening ??= import('@drover/infer/open').then(async ({ openRuntime }) => {
        const found = await openRuntime(preference);
        if (found.ok) {
          runtime = found.value;
          onOpened();
        }
        return found;
      });
      return opening;
    },
  };
}
