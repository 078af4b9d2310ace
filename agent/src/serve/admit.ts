// Gives a loaded model its stream, its labels and its place in memory, and a champion the model that stands in for it. Never
// chooses a model and never puts one into a slot.

import { isShadow, shadowOf, slotBeside } from '@drover/core/shadow';
import type { Capture } from '../capture/capture.ts';
import type { DecisionLog } from '../decisions/log.ts';
import type { LabelBook } from '../observe/labels.ts';
import { PredictionRing } from '../observe/predictions.ts';
import type { WindowBook } from '../observe/windows.ts';
import type { SlotStore } from '../store/slots.ts';
import type { AnswerCounts } from './answer-counts.ts';
import { makeBeside } from './beside.ts';
import type { LoadedModel } from './bundle.ts';
import type { LoadModel } from './load-model.ts';
import { type ServeDeps, type ServedModel, serveModel } from './served-model.ts';
import type { ServedSlots } from './slots.ts';
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
  readonly served: Pick<ServedSlots, 'get'>;
  readonly load: LoadModel;
  readonly log: (message: string, detail: Record<string, unknown>) => void;
}

export interface Admission {
  admit(slot: string, model: LoadedModel): ServedModel;
  stop(): Promise<void>;
}

export function makeAdmission({ windows, labels, slots, served, load, log, ...shared }: AdmissionDeps): Admission {
  type Around = Pick<ServeDeps, 'understudy' | 'beside'>;
  const take = (slot: string, model: LoadedModel, around: Around): ServedModel => {
    const stream = windows.open(slot, 'active', model.digest, model.reference);
    if (model.predictor) labels.register(model.digest, model.predictor.layout.answer, model.reference?.prefix);
    return serveModel(model, stream, { ...shared, ...around });
  };
  /** It is counted and nothing else: what it says is not an answer, is not kept and leaves no sample. */
  const takeShadow = (slot: string, model: LoadedModel): ServedModel => {
    const { bootId, mono, personal } = shared;
    // Nobody labels what it says: the ring of the answers stays theirs.
    const ring = new PredictionRing(1);
    ring.reserve(1);
    const stream = windows.open(slot, 'shadow', model.digest, model.reference);
    return serveModel(model, stream, { bootId, ring, mono, personal });
  };
  const understudies = makeUnderstudies({
    slots,
    load,
    admit: (slot, model) => take(slot, model, {}),
    mono: shared.mono,
    log,
  });
  return {
    admit(slot, model) {
      if (isShadow(slot)) return takeShadow(slotBeside(slot), model);
      const shadow = shadowOf(slot);
      const beside = makeBeside(() => served.get(shadow), shared.mono);
      return take(slot, model, { understudy: () => understudies.of(slot, model.digest), beside });
    },
    stop: understudies.stop,
  };
}
