// Decides how rows become an aligned table of text. Never prints and never knows what the rows mean.
import { formatDuration } from '@drover/core/duration';

export interface TableColumn<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null | undefined;
  readonly align?: 'left' | 'right';
}

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
const UNSAFE = /\p{Cc}/gu;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** Columns that a text takes on a terminal: graphemes, East Asian wide ones twice, colour escapes not at all. */
export function widthOf(text: string): number {
  const plain = text.replace(ESCAPES, '');
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of segmenter.segment(plain)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** Text from elsewhere, made safe to print: control characters could move the cursor or rewrite the screen. */
export const toPrintable = (text: string): string => text.replace(UNSAFE, '\ufffd');

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const gap = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? gap + text : text + gap;
}

/** Cuts to `width` columns with an ellipsis. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text.replace(ESCAPES, ''))) {
    const w = widthOf(segment);
    if (used + w > width - 1) break;
    cut += segment;
    used += w;
  }
  return `${cut}…`;
}

/**
 * Aligned columns, two spaces apart, a title row, no trailing blanks; ends with a newline. Empty and absent values show
 * as "-". The last column is cut when `maxWidth` (0 = unlimited) is too small; the others never are.
 */
export function renderTable<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  options: { readonly maxWidth?: number; readonly titleStyle?: (text: string) => string } = {},
): string {
  const cells = rows.map((row) =>
    columns.map((column) => {
      const value = column.value(row);
      return value === null || value === undefined || value === '' ? '-' : toPrintable(String(value));
    }),
  );
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[i] ?? ''))),
  );
  const before = widths.slice(0, -1).reduce((sum, w) => sum + w + 2, 0);
  const room = options.maxWidth ? Math.max(8, options.maxWidth - before) : Number.POSITIVE_INFINITY;
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => {
        const last = i === columns.length - 1;
        return pad(
          last ? cutTo(text, room) : text,
          Math.min(widths[i] ?? 0, last ? room : Infinity),
          columns[i]?.align ?? 'left',
        );
      })
      .join('  ')
      .trimEnd();
  const style = options.titleStyle ?? ((text: string) => text);
  return `${[style(line(columns.map((c) => c.title))), ...cells.map(line)].join('\n')}\n`;
}

/** Name and value pairs under each other. */
export function renderPairs(
  pairs: readonly (readonly [name: string, value: string | number | null | undefined])[],
): string {
  const width = Math.max(0, ...pairs.map(([name]) => widthOf(name)));
  return pairs
    .map(([name, value]) =>
      `${pad(name, width, 'left')}  ${value === null || value === undefined || value === '' ? '-' : toPrintable(String(value))}`.trimEnd(),
    )
    .map((text) => `${text}\n`)
    .join('');
}

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Decimal units, three digits: 842 B, 1.23 MB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${SIZES[unit]}`;
}

/** Thousands grouped with a comma. */
export const formatCount = (value: number): string => value.toLocaleString('en-US');
export const formatShare = (value: number | undefined): string =>
  value === undefined ? '-' : `${(100 * value).toFixed(1)} %`;
export const formatNumber = (value: number | undefined, digits = 3): string =>
  value === undefined ? '-' : value.toFixed(digits);
export const shortDigest = (digest: string): string => digest.slice(0, 12);

/** How long ago, in one unit: 12 s, 5 min, 3 h, 9 d. */
export function formatAge(ms: number): string {
  if (ms < 1000) return 'now';
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 129_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** Of times in ms to two units: "3d 4h". */
export function describeMs(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return formatDuration(Math.round(ms / 1000) * 1000);
  const parts = [`${Math.floor(minutes / 1440)}d`, `${Math.floor((minutes % 1440) / 60)}h`, `${minutes % 60}m`];
  return parts
    .filter((part) => !part.startsWith('0'))
    .slice(0, 2)
    .join(' ');
}
