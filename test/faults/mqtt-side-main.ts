// The MQTT side of a hub as a program of its own, so that a test can kill it: data folder and port come as arguments.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { makeId } from '@drover/core/ids';
import { pino } from 'pino';
import { openFolderStore } from '../../hub/src/blobs/folder-store.ts';
import { insertDevice } from '../../hub/src/db/devices.ts';
import { openStore } from '../../hub/src/db/sqlite-store.ts';
import { hashSecret } from '../../hub/src/identity/admission.ts';
import { startMqtt } from '../../hub/src/mqtt/start-mqtt.ts';

const [folder = '', port = '0', ...devices] = process.argv.slice(2);
const newId = (): string => makeId(Date.now(), randomBytes(10));
const store = openStore(path.join(folder, 'db', 'hub.db'), Date.now());
if (!store.ok) throw new Error(store.detail);
for (const id of devices) {
  await store.value.commit([
    insertDevice({ id, labels: {}, secretHash: hashSecret(`secret of ${id}`), joinedAt: Date.now() }),
  ]);
}
const side = await startMqtt({
  store: store.value,
  blobs: await openFolderStore(path.join(folder, 'blobs'), 1e9),
  log: pino({ level: 'warn' }, pino.destination(2)),
  hubId: newId(),
  now: Date.now,
  newId,
  onReported: () => undefined,
  readMetadata: async () => undefined,
  pathsOf: async () => [],
  host: '127.0.0.1',
  port: Number(port),
});
process.stdout.write(`ready ${side.port}\n`);
