// The process that runs one training job: environment and signals in, progress lines and exit code out.
import { runJob } from './job.ts';

const dir = process.env['DROVER_JOB_DIR'];
const cancel = new AbortController();
process.on('SIGTERM', () => cancel.abort());
process.on('SIGINT', () => cancel.abort());
if (dir === undefined || dir === '') {
  process.stderr.write('DROVER_JOB_DIR must name the folder of the job.\n');
  process.exitCode = 11;
} else {
  process.exitCode = await runJob(dir, (line) => process.stdout.write(`${JSON.stringify(line)}\n`), cancel.signal);
}
