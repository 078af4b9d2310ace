// Replays one prediction from a data directory whose agent does not run, or ended without warning. Reads only; never takes
// the lock of an agent.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { openRuntime } from '@drover/infer/open';
import { parseManifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import { readIdentity } from '../identity.ts';
import { type LoadedModel, loadBundle } from '../serve/bundle.ts';
import { openBlobStore } from '../store/blobs.ts';
import { openDatabaseToRead } from '../store/database.ts';
import { openDecisionsToRead } from '../store/decision-store.ts';
import { readManifestPayload } from '../store/desired.ts';
import { openSealingKey } from '../store/sealing-key.ts';
import { findDecision } from './log.ts';
import { type Replay, replayDecision } from './replay.ts';

async function loadFrom(dataDir: string, digest: string, runtime: string): Promise<Result<LoadedModel>> {
  const gone = refuse('replay_model_gone', `Manifest ${digest.slice(0, 12)}….`);
  const db = openDatabaseToRead(dataDir);
  const payload = db && readManifestPayload(db, digest);
  db?.close();
  if (!payload || digestOf(payload) !== digest) return gone;
  const manifest = parseManifest(payload);
  if (!manifest.ok) return manifest;
  const who = readIdentity(dataDir);
  const key = openSealingKey(dataDir);
  const unsealing =
    who.ok && key.ok ? { device: who.value.identity.device, privateKey: key.value.privateKey } : undefined;
  const opened = await openRuntime(runtime === 'wasm' || runtime === 'native' ? runtime : 'auto');
  if (!opened.ok) return opened;
  return loadBundle({ digest, manifest: manifest.value }, openBlobStore(dataDir, unsealing), opened.value);
}

export async function runReplay(dataDir: string, predictionId: string): Promise<Result<Replay>> {
  const store = openDecisionsToRead(dataDir);
  if (!store) return refuse('decision_unknown', `There is no log in "${dataDir}".`);
  const decision = findDecision(store, predictionId);
  store.close();
  if (!decision.ok) return decision;
  const { runtime } = decision.value.of;
  let loaded: LoadedModel | undefined;
  const replay = await replayDecision(decision.value, async (manifest) => {
    const model = await loadFrom(dataDir, manifest, runtime);
    if (model.ok) loaded = model.value;
    return model;
  });
  await loaded?.session.release();
  return accept(replay);
}
