// Runs a script under Debian's Python, where it is: the oracle of the trainers. Never required.
import { spawn } from 'node:child_process';

const LIMIT_MS = 120_000;

/** What the script prints as one JSON object of numbers; undefined when Python or a module of it is not there. */
export function runPython(script: string, args: readonly string[]): Promise<Record<string, number> | undefined> {
  return new Promise((resolve, reject) => {
    // One thread, as ours: the reference would otherwise take every core of the machine.
    const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
    const child = spawn('/usr/bin/python3', ['-c', script, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    });
    let said = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-2000);
    });
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(said) as Record<string, number>);
      else if (complaint.includes('ModuleNotFoundError')) resolve(undefined);
      else reject(new Error(`python3 ended with ${code}: ${complaint}`));
    });
  });
}
