// Drives a stepwise trainer to its end in one go. It never reports and never stops early.

export function finish<Step, Out>(steps: Generator<Step, Out, void>): Out {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
