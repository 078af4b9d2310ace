// Renews what is made from something else and committed: reason page, wire snapshot, lock file. `npm run gen` runs it.
import { completeLockFile } from './lock-file.ts';
import { writeReasonDocs } from './reason-docs.ts';
import { writeWireSnapshot } from './wire-snapshot.ts';

for (const said of [writeReasonDocs(), writeWireSnapshot(), completeLockFile()]) process.stdout.write(`${said}\n`);
