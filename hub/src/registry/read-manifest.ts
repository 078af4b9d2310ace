// Reads a registered manifest back with the envelope that signed it. Verifies nothing: it was believed when it was registered.
import { type Manifest, parseManifest } from '@drover/trust/documents';
import type { SignedEnvelope } from '@drover/wire/messages';
import { readSignedEnvelope } from '@drover/wire/read';
import { readVersionByManifest } from '../db/models.ts';
import type { Store } from '../db/store.ts';

export interface RegisteredManifest {
  readonly envelope: SignedEnvelope;
  readonly manifest: Manifest;
  /** Bytes of the stored envelope. */
  readonly size: number;
}

/** Undefined when no version has it, or what is stored is damaged. */
export async function readRegisteredManifest(store: Store, digest: string): Promise<RegisteredManifest | undefined> {
  const row = await readVersionByManifest(store, digest);
  const envelope = row && readSignedEnvelope(row.envelope);
  const manifest = envelope?.ok ? parseManifest(envelope.value.payload) : undefined;
  if (!row || !envelope?.ok || !manifest?.ok) return undefined;
  return { envelope: envelope.value, manifest: manifest.value, size: row.envelope.length };
}
