// Names every bench and says how to load it. Never runs one.
import type { BenchReport } from './report.ts';

interface Module {
  bench(): Promise<BenchReport>;
}

/** In the order in which they run. */
export const MODULES: Readonly<Record<string, () => Promise<Module>>> = {
  sketch: () => import('./sketch.ts'),
  measures: () => import('./measures.ts'),
  wire: () => import('./wire.ts'),
  infer: () => import('./infer.ts'),
  'agent-process': () => import('./agent-process.ts'),
  'agent-predict': () => import('./agent-predict.ts'),
  'hub-ingest': () => import('./hub-ingest.ts'),
  delivery: () => import('./delivery.ts'),
  delta: () => import('./delta.ts'),
  'delta-memory': () => import('./delta-memory.ts'),
  drift: () => import('./drift.ts'),
  alerts: () => import('./alerts.ts'),
  rollouts: () => import('./rollouts.ts'),
  canary: () => import('./canary.ts'),
  oracle: () => import('./oracle.ts'),
  learn: () => import('./learn.ts'),
  quality: () => import('./quality.ts'),
  disk: () => import('./disk.ts'),
};
