// Decides what a line on a trainer's standard output means for people: progress, a note, a log line. Never reads a process.
export interface Progress {
  readonly step: number;
  readonly of: number;
  readonly message: string;
}

export interface Heard {
  /** The line as it goes to the log of the run. */
  readonly text: string;
  readonly progress?: Progress;
  readonly note?: string;
}

const LINE_CHARS = 1024;
const PHASES: Readonly<Record<string, string>> = {
  read: 'reading the data',
  train: 'training',
  write: 'writing the model',
  done: 'trained; the hub checks the model',
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseFields(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    // A trainer may print anything; what is no JSON is a log line.
    return undefined;
  }
}

export function hearLine(line: string): Heard {
  const text = line.slice(0, LINE_CHARS);
  const fields = parseFields(line);
  if (fields === undefined) return { text };
  const { t, name, step, steps, value, says } = fields;
  if (t === 'phase' && typeof name === 'string') {
    const message = PHASES[name] ?? name.slice(0, 200);
    return { text: message, progress: { step: 0, of: 0, message } };
  }
  if (t === 'metric' && typeof name === 'string' && isCount(step) && typeof value === 'number') {
    const message = name === 'step' ? `step ${step}` : `${name.slice(0, 64)} ${Number(value.toPrecision(6))}`;
    return { text: `step ${step}: ${message}`, progress: { step, of: isCount(steps) ? steps : 0, message } };
  }
  if (t === 'dropped' && typeof name === 'string' && typeof says === 'string') {
    const said = `Column "${name.slice(0, 128)}" is not used. ${says}`;
    return { text: said.slice(0, LINE_CHARS), note: said.slice(0, 400) };
  }
  return { text };
}
