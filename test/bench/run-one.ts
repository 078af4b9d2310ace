// Runs one bench in a process of its own, so that no bench inherits another's heap or compiled code, and hands its report
// to the parent. Ends every program it started, also when the parent goes away.
import { killAll } from '@drover/testkit/program';
import { MODULES } from './modules.ts';

const load = MODULES[process.argv[2] ?? ''];
if (!load || process.send === undefined) throw new Error('run-one.ts is started by main.ts with the name of a bench');

const endEarly = (): void => {
  void killAll().finally(() => process.exit(1));
};
process.once('disconnect', endEarly).once('SIGTERM', endEarly);

try {
  const { bench } = await load();
  const report = await bench();
  await new Promise<void>((resolve, reject) => {
    process.send?.(report, (error: Error | null) => (error ? reject(error) : resolve()));
  });
} finally {
  process.off('disconnect', endEarly);
  await killAll();
  process.disconnect();
}
