// Owns how text and numbers become cells of CSV (RFC 4180) that no spreadsheet takes for a formula. Reads no CSV.

/** Characters that spreadsheets begin a formula with. */
const FORMULA = /^[=+\-@\t\r]/;

/** Text of others. Where it could be a formula an apostrophe stands before it. */
export function csvText(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A number in the shortest decimal form that reads back as itself, with a point whatever the country; nothing where it is not known. */
export const csvNumber = (value: number | null | undefined): string =>
  value === null || value === undefined || !Number.isFinite(value) ? '' : String(value);

export const csvLine = (cells: readonly string[]): string => `${cells.join(',')}\r\n`;
