// Owns the index by which drift finds the windows of one device. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const drift: Migration = {
  number: 10,
  name: 'drift',
  statements: ['CREATE INDEX windowsOfDevice ON windows (device, receivedAt)'],
};
