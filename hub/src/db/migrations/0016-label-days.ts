// Owns the index by which retention finds the labels of one device. Never edited after a release: a change is a new migration.
import type { Migration } from '../migrate.ts';

export const labelDays: Migration = {
  number: 16,
  name: 'labelDays',
  statements: ['CREATE INDEX windowLabelsOfDevice ON windowLabels (device, startAt)'],
};
