#!/usr/bin/env node
// The `drover` command: hands over to the CLI under a Node that is new enough.
import { fileURLToPath } from 'node:url';
import { launch } from './launcher.js';

await launch(fileURLToPath(new URL('../src/main.ts', import.meta.url)), process.argv.slice(2));
