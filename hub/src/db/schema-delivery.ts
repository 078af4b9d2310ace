// Owns the TypeScript view of the tables of recipes and sealed artifacts. Never creates one: migrations do.
import type { PatchState } from '@drover/core/patches';

export interface PatchesTable {
  /** SHA-256 of the artifact that the recipe starts from; empty when it packs the target on its own. */
  readonly base: string;
  readonly target: string;
  readonly state: PatchState;
  /** Makings that were begun. */
  readonly tries: number;
  /** SHA-256 of the recipe, of state `made`. */
  readonly recipe: string | null;
  /** Of the recipe; also of one that was not worth keeping. */
  readonly size: number | null;
  /** SHA-256 of the recipe's list of chunk hashes; null when it is one chunk. */
  readonly chunkList: string | null;
  readonly detail: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly neededAt: number;
}

/** Models whose artifacts leave the hub only sealed. */
export interface ConfidentialModelsTable {
  readonly model: string;
  readonly actor: string;
  readonly createdAt: number;
}

export interface SealedArtifactsTable {
  /** SHA-256 of the plaintext. */
  readonly plain: string;
  /** SHA-256 and size of the ciphertext, a blob like any other. */
  readonly sealed: string;
  readonly size: number;
  readonly chunkList: string | null;
  /** The content key under the hub's own. */
  readonly wrappedKey: Uint8Array;
  readonly createdAt: number;
}

export interface DeliveryTables {
  readonly patches: PatchesTable;
  readonly confidentialModels: ConfidentialModelsTable;
  readonly sealedArtifacts: SealedArtifactsTable;
}
