// Owns when the hub was last told that entries of an outbox are lost. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const lostAt: Migration = {
  number: 17,
  name: 'lostAt',
  statements: ['ALTER TABLE outboxes ADD COLUMN lostAt INTEGER'],
};
