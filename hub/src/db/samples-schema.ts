// Owns the TypeScript view of the table of captured rows. Never creates it: a migration does.
import type { Generated } from 'kysely';

export interface SamplesTable {
  readonly id: Generated<number>;
  readonly device: string;
  readonly predictionId: string;
  readonly slot: string;
  readonly manifest: string;
  /** When it was captured, by the clock of the device. */
  readonly at: number;
  readonly why: string;
  readonly score: number;
  /** Float64, little-endian; NaN where missing or withheld. */
  readonly numbers: Uint8Array;
  readonly textsJson: string;
  readonly withheldJson: string;
  /** -1 for a regression: `scores` holds the one predicted number. */
  readonly classIndex: number;
  readonly scores: Uint8Array;
  readonly receivedAt: number;
}

/** Mixed into the tables of the schema. */
export interface SampleTables {
  readonly samples: SamplesTable;
}
