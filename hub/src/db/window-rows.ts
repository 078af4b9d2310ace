// Owns the names of the rows of windows and of their labels. Never reads one.
import type { Selectable } from 'kysely';
import type { WindowLabelsTable, WindowsTable } from './schema.ts';

export type WindowRow = Selectable<WindowsTable>;
export type LabelledRow = Selectable<WindowLabelsTable>;
