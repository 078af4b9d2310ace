// Opens everything that signs or opens for this hub: release metadata, audit and model signatures, the devices' CA, the key
// of confidential artifacts. Makes at the first start what may be made; never shows a key.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result } from '@drover/core/reasons';
import type { Signer } from '@drover/trust/dsse';
import { type OmsSigner, readOmsPublicKey } from '@drover/trust/oms/key';
import { openSecretFile } from '@drover/trust/secret-files';
import type { HubConfig } from './config.ts';
import { type HubAuthority, openHubAuthority } from './identity/hub-authority.ts';
import { openOwnKeys } from './own-keys.ts';
import { type OpenReleaseDeps, openRelease, type ReleaseSide } from './release/open.ts';

export interface HubKeys {
  readonly release: ReleaseSide;
  readonly audit: Signer;
  readonly oms: OmsSigner;
  readonly authority: HubAuthority['authority'];
  /** The CA's certificate, for the tools of this machine. */
  readonly caFile: string;
  /** Wraps the content keys of confidential artifacts. */
  readonly sealing: Uint8Array;
  /** Who signs what, by public ids: what the audit log says of a start. */
  readonly ids: Readonly<Record<'release' | 'director' | 'audit' | 'oms', string>>;
  /** Paths of the files that were made now. */
  readonly created: readonly string[];
}

export async function openKeys(
  deps: OpenReleaseDeps,
  config: Pick<HubConfig, 'caCertFile' | 'caKeyFile'>,
  hubId: string,
): Promise<Result<HubKeys>> {
  const { folder } = deps;
  const release = await openRelease(deps);
  if (!release.ok) return release;
  const own = openOwnKeys(folder);
  if (!own.ok) return own;
  const { audit, oms } = own.value;
  const omsKey = readOmsPublicKey(oms.spkiPem);
  if (!omsKey.ok) return omsKey;
  const { caCertFile: certFile, caKeyFile: keyFile } = config;
  const given = certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined;
  const ca = await openHubAuthority(folder, hubId, given);
  if (!ca.ok) return ca;
  const sealingFile = path.join(folder, 'sealing.key');
  const isSealingNew = !existsSync(sealingFile);
  const sealing = openSecretFile(sealingFile, () => randomBytes(32));
  if (!sealing.ok) return sealing;
  const { manifests, director } = release.value;
  return accept({
    release: release.value,
    audit,
    oms,
    authority: ca.value.authority,
    caFile: ca.value.certFile,
    sealing: sealing.value,
    ids: { release: manifests.keyid, director: director.keyid, audit: audit.keyid, oms: omsKey.value.hint },
    created: [
      ...release.value.created,
      ...own.value.created,
      ...ca.value.created,
      ...(isSealingNew ? [sealingFile] : []),
    ],
  });
}
