// The entry file of `drover`: hands the command line over. Decides nothing.
import { runMain } from './cli.ts';

await runMain(process.argv.slice(2));
