// Reads release metadata out of requests: base64 to bytes. Never checks what is in a file.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { GivenFile } from '@drover/trust/tuf/verify';
import type { KeyFilesRequest, PublicationRequest, RoleFile } from '@drover/wire/http/release';
import type { KeyFiles, PublisherRelease } from '../release/release.ts';
import { readBase64 } from './envelopes.ts';

const malformed = (what: string) => refuse('metadata_malformed', `The file of "${what}" is not base64.`);

function readRoles(files: readonly RoleFile[]): Result<GivenFile[]> {
  const given: GivenFile[] = [];
  for (const { role, metadata } of files) {
    const bytes = readBase64(metadata);
    if (bytes === undefined) return malformed(role);
    given.push({ role, bytes });
  }
  return accept(given);
}

export function readPublication(request: PublicationRequest): Result<PublisherRelease> {
  const files = readRoles(request.files);
  if (!files.ok) return files;
  return accept({ team: request.team, files: files.value, changes: new Map(Object.entries(request.changes)) });
}

export function readKeyFiles(request: KeyFilesRequest): Result<KeyFiles> {
  const roots: Uint8Array[] = [];
  for (const file of request.roots) {
    const bytes = readBase64(file);
    if (bytes === undefined) return malformed('root');
    roots.push(bytes);
  }
  const targets = request.targets === undefined ? undefined : readBase64(request.targets);
  if (request.targets !== undefined && targets === undefined) return malformed('targets');
  const roles = readRoles(request.roles ?? []);
  return roles.ok ? accept({ roots, targets, roles: roles.value }) : roles;
}
