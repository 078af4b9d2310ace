// Gives a loaded model its stream, its labels and its place in memory, and a champion the model that stands in for it. Never
// chooses a model and never puts one into a slot.
import type { Capture } from '../capture/capture.ts';
import type { DecisionLog } from '../decisions/log.ts';
import type { LabelBook } from '../observe/labels.ts';
import type { PredictionRing } from '../observe/predictions.ts';
import type { WindowBook } from '../observe/windows.ts';
import type { SlotStore } from '../store/slots.ts';
import type { AnswerCounts } from './answer-counts.ts';
import type { LoadedModel } from './bundle.ts';
import type { LoadModel } from './load-model.ts';
import { type ServedModel, serveModel } from './served-model.ts';
import { makeUnderstudies } from './understudies.ts';

export interface AdmissionDeps {
  readonly windows: WindowBook;
  readonly labels: LabelBook;
  readonly bootId: string;
  readonly ring: PredictionRing;
  readonly mono: () => number;
  readonly decisions: DecisionLog | undefined;
  readonly answers: AnswerCounts;
  readonly capture: Pick<Capture, 'open'> | undefined;
  readonly personal: ReadonlySet<string>;
  readonly slots: Pick<SlotStore, 'read'>;
  readonly load: LoadModel;
  readonly log: (message: string, detail: Record<string, unknown>) => void;
}

export interface Admission {
  admit(slot: string, model: LoadedModel): ServedModel;
  stop(): Promise<void>;
}

export function makeAdmission({ windows, labels, slots, load, log, ...shared }: AdmissionDeps): Admission {
  const take = (slot: string, model: LoadedModel, understudy?: () => Promise<ServedModel | undefined>): ServedModel => {
    const stream = windows.open(slot, 'active', model.digest, model.reference);
    if (model.predictor) labels.register(model.digest, model.predictor.layout.answer, model.reference?.prefix);
    return serveModel(model, stream, { ...shared, understudy });
  };
  const understudies = makeUnderstudies({
    slots,
    load,
    admit: (slot, model) => take(slot, model),
    mono: shared.mono,
    log,
  });
  return {
    admit: (slot, model) => take(slot, model, () => understudies.of(slot, model.digest)),
    stop: understudies.stop,
  };
}
