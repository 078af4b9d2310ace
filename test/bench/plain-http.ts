// Serves one file with node:http and nothing else: the reference for delivering artifacts.
//
//   node plain-http.ts FILE     prints {"port"} when it listens
import { createReadStream, statSync } from 'node:fs';
import http from 'node:http';

const file = process.argv[2] ?? '';
const { size } = statSync(file);
const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
  // The same pieces as the hub's chunks.
  createReadStream(file, { highWaterMark: 256 * 1024 }).pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
