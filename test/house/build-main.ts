// `npm run build`: makes the agent that leaves the house and says what it weighs. Never decides what goes in: build-agent does.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildAgent } from './build-agent.ts';

const { values } = parseArgs({ options: { platform: { type: 'string' }, out: { type: 'string' } } });
const { entry, bytes, parts } = await buildAgent(values.out && path.resolve(values.out), values.platform);
const lines = Object.entries(parts).map(([part, size]) => `  ${(size / 1e6).toFixed(2).padStart(7)} MB  ${part}`);
process.stdout.write(`${path.dirname(entry)}: ${(bytes / 1e6).toFixed(1)} MB\n${lines.join('\n')}\n`);
