// Owns the order of the migrations. Never runs them.
import type { Migration } from '../migrate.ts';
import { first } from './0001-first.ts';
import { http } from './0002-http.ts';

export const MIGRATIONS: readonly Migration[] = [first, http];
