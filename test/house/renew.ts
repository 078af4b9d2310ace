// Renews what is made from something else and committed: reason page, table of roles, wire snapshot, lock file. `npm run gen` runs it.
import { completeLockFile } from './lock-file.ts';
import { writePeopleDocs } from './people-docs.ts';
import { writeReasonDocs } from './reason-docs.ts';
import { writeWireSnapshot } from './wire-snapshot.ts';

for (const said of [writeReasonDocs(), await writePeopleDocs(), writeWireSnapshot(), completeLockFile()])
  process.stdout.write(`${said}\n`);
