// Decides whether a maintenance window is open, and when the next one opens, in the time zone of the place. Never waits.

export interface MaintenanceWindow {
  /** 0 Sunday to 6 Saturday: the days on which it opens; none means every day. */
  readonly days: readonly number[];
  /** Minutes after midnight at which it opens, 0 to 1439, by the clock of the zone. */
  readonly startMinute: number;
  /** How long it is open, 1 to 1440 minutes. */
  readonly minutes: number;
  /** IANA name, such as Europe/Berlin. */
  readonly timeZone: string;
}

/** `since`: open from then on. `opensAt`: closed until then. ms since epoch. */
export type Opening = { readonly since: number } | { readonly opensAt: number };

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const formats = new Map<string, Intl.DateTimeFormat>();

export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    // A RangeError is how Intl says that it has no such zone.
    return false;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const held = formats.get(timeZone);
  if (held) return held;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }); // biome-ignore format: one record
  formats.set(timeZone, made);
  return made;
}

/** What the clock of the zone shows at `at`, as if it were UTC, to the second. */
function wallOf(at: number, timeZone: string): number {
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** When the clock of the zone shows `wall`. Of a time that the clock leaves out, one hour later. */
function instantOf(wall: number, timeZone: string): number {
  const guess = wall - (wallOf(wall, timeZone) - wall);
  return wall - (wallOf(guess, timeZone) - guess);
}

/** Openings of one window around `at`, from yesterday's on. */
function openingsOf(
  { days, startMinute, minutes, timeZone }: MaintenanceWindow,
  at: number,
): { from: number; to: number }[] {
  const midnight = Math.floor(wallOf(at, timeZone) / DAY) * DAY;
  const openings: { from: number; to: number }[] = [];
  for (let offset = -1; offset <= 8; offset++) {
    const day = midnight + offset * DAY;
    if (days.length > 0 && !days.includes(new Date(day).getUTCDay())) continue;
    const from = instantOf(day + startMinute * MINUTE, timeZone);
    openings.push({ from, to: from + minutes * MINUTE });
  }
  return openings;
}

/** Without any window it is always open. @throws RangeError for a zone that this machine does not know. */
export function findOpening(windows: readonly MaintenanceWindow[], now: number): Opening {
  if (windows.length === 0) return { since: 0 };
  const all = windows.flatMap((window) => openingsOf(window, now));
  const open = all.filter(({ from, to }) => from <= now && now < to);
  if (open.length > 0) return { since: Math.min(...open.map(({ from }) => from)) };
  return { opensAt: Math.min(...all.filter(({ from }) => from > now).map(({ from }) => from)) };
}
