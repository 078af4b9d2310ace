// The least that could store what devices send: aedes with one hook, one table, group commits, one acknowledgement per
// device and commit. It reads no message, knows nobody and refuses nothing: the reference for the hub's ingest.
//
//   node bare-hub.ts DATABASE ROWS     stores each message in ROWS equal parts, one row each
//
// It prints {"port"} when it listens; a device's acknowledgement is the count of its messages so far.
import net from 'node:net';
import { ARRIVAL_LIMITS } from '@drover/hub/uplink/arrivals';
import { downTopic } from '@drover/wire/topics';
import { Aedes, type Client } from 'aedes';
import Database from 'better-sqlite3';

// The hub's own limits: how long a message waits for company, and how many messages and bytes one commit takes.
const { waitMs, batchMessages, batchBytes } = ARRIVAL_LIMITS;

const [, , file = '', rowsText = '1'] = process.argv;
const rows = Number(rowsText);
const db = new Database(file);
// As the hub: the reference shall stand as well as it can.
db.pragma('page_size = 16384');
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(
  'CREATE TABLE messages (receivedAt INTEGER, device TEXT, n INTEGER, part INTEGER, payload BLOB, PRIMARY KEY (receivedAt, device, n, part)) STRICT, WITHOUT ROWID',
);
const insert = db.prepare('INSERT INTO messages VALUES (?, ?, ?, ?, ?)');

interface Message {
  readonly client: Client;
  readonly n: number;
  readonly at: number;
  readonly payload: Buffer;
}

const counts = new WeakMap<Client, number>();
const waiting: Message[] = [];
let waitingBytes = 0;
let timer: NodeJS.Timeout | undefined;
/** A commit comes with the next turn. */
let isDue = false;
const isFull = (): boolean => waiting.length >= batchMessages || waitingBytes >= batchBytes;

const store = db.transaction((batch: readonly Message[]) => {
  for (const { client, n, at, payload } of batch) {
    const size = Math.ceil(payload.length / rows);
    for (let part = 0; part < rows; part += 1) {
      insert.run(at, client.id, n, part, payload.subarray(part * size, (part + 1) * size));
    }
  }
}).immediate;

function commit(): void {
  clearTimeout(timer);
  timer = undefined;
  isDue = false;
  let bytes = 0;
  let end = 0;
  while (end < waiting.length && end < batchMessages && bytes < batchBytes)
    bytes += waiting[end++]?.payload.length ?? 0;
  const batch = waiting.splice(0, end);
  waitingBytes -= bytes;
  store(batch);
  const last = new Map(batch.map(({ client, n }) => [client, n]));
  for (const [client, n] of last) {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(n);
    const topic = downTopic(client.id, 'ack');
    client.publish({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }, () => undefined);
  }
  if (waiting.length > 0) timer = setTimeout(commit, isFull() ? 0 : waitMs);
}

const broker = await Aedes.createBroker({
  concurrency: 0,
  authorizePublish: (client, packet, done) => {
    if (client) {
      const n = (counts.get(client) ?? 0) + 1;
      counts.set(client, n);
      waiting.push({ client, n, at: Date.now(), payload: packet.payload as Buffer });
      waitingBytes += packet.payload.length;
      if (!isFull()) timer ??= setTimeout(commit, waitMs);
      else if (!isDue) {
        isDue = true;
        setImmediate(commit);
      }
    }
    done(null);
  },
});
const server = net.createServer({ noDelay: true }, broker.handle);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`);
});
process.on('SIGTERM', () => {
  db.close();
  process.exit(0);
});
