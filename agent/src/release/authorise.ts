// Decides whether a manifest that came is the release that the metadata lists. Pure over bytes; never fetches, never stores.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Manifest, parseManifest } from '@drover/trust/documents';
import { digestOf } from '@drover/trust/dsse';
import type { Found } from '@drover/trust/tuf/client';

/** What vouched for a manifest when it was taken. It is kept: what was installed is not asked for again. */
export interface Authority {
  readonly path: string;
  /** The role that listed it: `hub~wear`, or `root/1` for a root of 0.1. */
  readonly role: string;
  /** role → version of the metadata that was looked at. */
  readonly versions: Readonly<Record<string, number>>;
  readonly release: number;
  /** Ms since epoch. */
  readonly at: number;
}

/** A manifest that may be installed, and why. */
export interface AuthorisedManifest {
  readonly digest: string;
  /** The signed bytes. */
  readonly payload: Uint8Array;
  readonly manifest: Manifest;
  readonly authority: Authority;
}

/** The bytes have the digest and length listed, and say of themselves what the path says. */
export function authoriseManifest(payload: Uint8Array, found: Found, at: number): Result<AuthorisedManifest> {
  const digest = digestOf(payload);
  const { path, role, versions, release } = found;
  if (digest !== found.sha256 || payload.length !== found.length) {
    return refuse(
      'release_digest_mismatch',
      `"${path}" lists ${found.sha256.slice(0, 12)}… of ${found.length} bytes and ${digest.slice(0, 12)}… of ${payload.length} came.`,
    );
  }
  const parsed = parseManifest(payload);
  if (!parsed.ok) return parsed;
  const { model, version, release: own } = parsed.value;
  if (model !== found.model || version !== found.version || own !== release)
    return refuse('manifest_invalid', `"${path}" is a manifest of "${model}" version ${version}, release ${own}.`);
  return accept({ digest, payload, manifest: parsed.value, authority: { path, role, versions, release, at } });
}
