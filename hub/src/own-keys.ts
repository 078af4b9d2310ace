// Opens the keys of the hub that no device needs to know: the one that signs audit checkpoints and the one that signs
// models for outsiders. Makes them at the first start; never overwrites or shows one.
//
// The audit key is none of the fleet's roles: it outlives the rotation of those, and an auditor who notes it once can judge
// the log of years.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { accept, type Result } from '@drover/core/reasons';
import type { Signer } from '@drover/trust/dsse';
import { createKeyFile, openKeyFile } from '@drover/trust/key-files';
import { createOmsKeyFile, type OmsSigner, openOmsKeyFile } from '@drover/trust/oms/key';

export interface OwnKeys {
  readonly audit: Signer;
  readonly oms: OmsSigner;
  /** Paths of the files that were made now. */
  readonly created: readonly string[];
}

export function openOwnKeys(folder: string): Result<OwnKeys> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const created: string[] = [];
  const ensure = (name: string, create: (file: string) => void): string => {
    const file = path.join(folder, name);
    if (!existsSync(file)) {
      create(file);
      created.push(file);
    }
    return file;
  };
  const audit = openKeyFile(ensure('audit.pem', createKeyFile));
  if (!audit.ok) return audit;
  const oms = openOmsKeyFile(ensure('oms.pem', createOmsKeyFile));
  return oms.ok ? accept({ audit: audit.value, oms: oms.value, created }) : oms;
}
