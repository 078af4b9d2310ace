// Starts the hub as the CLI does: with a cache of compiled code, filled by a first start that is not measured. Without it
// the hub holds the type stripper in memory, which no hub in the field does after its first start.
import path from 'node:path';
import { type HubProgram, startHub } from '@drover/testkit/fleet';

export async function startWarmHub(folder: string, flags: readonly string[] = []): Promise<HubProgram> {
  const env = { NODE_COMPILE_CACHE: path.join(folder, 'compile-cache') };
  const data = path.join(folder, 'hub');
  const first = await startHub(data, ['--log-level', 'warn'], env);
  await first.stop();
  return startHub(data, ['--log-level', 'warn', ...flags], env);
}
