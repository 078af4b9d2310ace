// Owns how a version of a model looks as a folder for outsiders: the names of its files, and the model signature over
// them. Never reads or writes one.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { BlobRef, Manifest } from '../documents.ts';
import { signOmsBundle } from './bundle.ts';
import type { OmsSigner } from './key.ts';
import type { OmsFile, OmsStatement } from './statement.ts';

/** The manifest lies there as the exact bytes that were signed: its SHA-256 is the manifest digest. */
export const MANIFEST_FILE = 'manifest.json';

/** Blobs of a manifest and the names of their files. */
export function listBlobFiles({ blobs }: Pick<Manifest, 'blobs'>): { readonly name: string; readonly ref: BlobRef }[] {
  const { model, baseline, vectors } = blobs;
  return [
    { name: 'model.onnx', ref: model },
    ...(baseline === undefined ? [] : [{ name: 'baseline.json', ref: baseline }]),
    ...(vectors === undefined ? [] : [{ name: 'vectors.json', ref: vectors }]),
  ];
}

/** Every file of the folder with its digest. `digest`: SHA-256 of the manifest's payload, in hex. */
export const listVersionFiles = (manifest: Pick<Manifest, 'blobs'>, digest: string): OmsFile[] => [
  ...listBlobFiles(manifest).map(({ name, ref }) => ({ name, sha256: ref.sha256 })),
  { name: MANIFEST_FILE, sha256: digest },
];

/** What the folder is called, and what the signature calls the model. */
export const nameFolder = ({ model, version }: Pick<Manifest, 'model' | 'version'>): string => `${model}-${version}`;

/** The bytes of the signature file. */
export const signVersion = (manifest: Manifest, digest: string, signer: OmsSigner): Promise<Uint8Array> =>
  signOmsBundle(nameFolder(manifest), listVersionFiles(manifest, digest), signer);

/** The statement is about exactly the files of this version. */
export function checkVersionFiles(
  statement: OmsStatement,
  manifest: Pick<Manifest, 'blobs'>,
  digest: string,
): Result<undefined> {
  const wanted = new Map(listVersionFiles(manifest, digest).map(({ name, sha256 }) => [name, sha256]));
  const same = statement.files.length === wanted.size && statement.files.every((f) => wanted.get(f.name) === f.sha256);
  if (same) return accept(undefined);
  const named = statement.files.map(({ name }) => name).slice(0, 8);
  return refuse(
    'oms_version_mismatch',
    `It names ${named.join(', ')}; the version has ${[...wanted.keys()].join(', ')}.`,
  );
}
