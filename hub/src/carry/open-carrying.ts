// Puts together what is carried by hand: reports that come, exports that go. Composition for hub.ts; the rules are elsewhere.
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExtendDeps, extendDesired } from '../rollouts/extend.ts';
import type { Reconciler } from '../rollouts/tick.ts';
import { readProof } from './device-proof.ts';
import { type ExportDeps, type Exporter, makeExporter } from './export-models.ts';
import { type CarryDeps, type Importer, makeImporter } from './import-report.ts';
import { emptySpool } from './spool.ts';

export interface CarryingDeps extends Pick<ExportDeps, 'blobs' | 'repository' | 'hubId' | 'newId'> {
  readonly mqtt: Pick<CarryDeps, 'ingest'>;
  readonly data: { readonly carried: string };
  readonly config: { readonly dev: boolean; readonly exportDays: number };
  /** How desired documents are issued. */
  readonly issuing: ExtendDeps;
  readonly reconciler: Pick<Reconciler, 'poke' | 'settle'>;
}

export function openCarrying(deps: CarryingDeps): { readonly importer: Importer; readonly exporter: Exporter } {
  const { issuing, reconciler, blobs, repository, hubId, newId, config } = deps;
  const { ingest } = deps.mqtt;
  const spool = deps.data.carried;
  emptySpool(spool);
  const { store, director, now } = issuing;
  const shared = { store, director, now, hubId, spool, newId };
  const importer = makeImporter({
    ...shared,
    ingest,
    proofOf: (device) => readProof(store, device, config.dev),
    onReported: (device) => reconciler.poke(device),
    waitMs: (ms) => sleep(ms),
  });
  const exporter = makeExporter({
    ...shared,
    blobs,
    repository,
    maxValidMs: config.exportDays * 86_400_000,
    async settle(devices) {
      reconciler.poke(...devices);
      await reconciler.settle();
    },
    extend: (device, validMs) => extendDesired(issuing, device, validMs),
  });
  return { importer, exporter };
}
