// A TCP proxy that misbehaves on command: cut, refuse, freeze, throttle, corrupt, repeat. Never understands what flows through it.
import net from 'node:net';

export interface FaultProxy {
  readonly port: number;
  /** Bytes that went to the client side and to the server side since the start. */
  readonly bytes: { toClient: number; toServer: number };
  /** Ends every connection now; new ones are taken again. */
  cut(): void;
  /** Takes no new connection until told otherwise, and cuts those that are there. */
  refuse(on: boolean): void;
  /** Stops moving bytes without closing anything: the peer looks alive and is not. */
  freeze(on: boolean): void;
  /** At most this many bytes per second towards the client; 0 means no limit. */
  throttle(bytesPerSecond: number): void;
  /** Flips one bit in about one of `every` bytes towards the client; 0 means never. */
  corrupt(every: number): void;
  /** Sends what it just sent once more after about `every` bytes towards the client; 0 means never. */
  repeat(every: number): void;
  /** How often it did. */
  repeated(): number;
  /** Looks for a text in what goes to the client from now on: how many bytes went there until its end, when it passed. */
  lookFor(text: string): () => number | undefined;
  close(): Promise<void>;
}

interface Faults {
  isRefusing: boolean;
  isFrozen: boolean;
  bytesPerSecond: number;
  corruptEvery: number;
  repeatEvery: number;
}

/** Flips bits at fixed distances, so that a run can be repeated. */
function damage(chunk: Buffer, every: number, from: number): void {
  for (let at = every - (from % every) - 1; at < chunk.length; at += every) chunk[at] = (chunk[at] ?? 0) ^ 0x10;
}

export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const faults: Faults = { isRefusing: false, isFrozen: false, bytesPerSecond: 0, corruptEvery: 0, repeatEvery: 0 };
  let repeated = 0;
  let lookout = (_bytes: Buffer): void => undefined;
  const bytes = { toClient: 0, toServer: 0 };
  const pairs = new Set<{ client: net.Socket; server: net.Socket }>();

  const server = net.createServer({ noDelay: true }, (client) => {
    if (faults.isRefusing) {
      client.destroy();
      return;
    }
    const upstream = net.connect({ ...target, noDelay: true });
    const pair = { client, server: upstream };
    pairs.add(pair);
    if (faults.isFrozen) {
      client.pause();
      upstream.pause();
    }
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      pairs.delete(pair);
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      bytes.toServer += chunk.length;
      if (!upstream.write(chunk)) {
        client.pause();
        upstream.once('drain', () => !faults.isFrozen && client.resume());
      }
    });
    upstream.on('data', (chunk) => {
      const copy = Buffer.from(chunk);
      if (faults.corruptEvery > 0) damage(copy, faults.corruptEvery, bytes.toClient);
      const { repeatEvery } = faults;
      const isRepeating =
        repeatEvery > 0 &&
        Math.floor(bytes.toClient / repeatEvery) < Math.floor((bytes.toClient + copy.length) / repeatEvery);
      bytes.toClient += copy.length;
      lookout(copy);
      let isOpen = client.write(copy);
      if (isRepeating) {
        repeated += 1;
        isOpen = client.write(copy);
      }
      if (faults.bytesPerSecond > 0) {
        upstream.pause();
        setTimeout(() => !faults.isFrozen && upstream.resume(), (copy.length / faults.bytesPerSecond) * 1000);
      } else if (!isOpen) {
        upstream.pause();
        client.once('drain', () => !faults.isFrozen && upstream.resume());
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });

  const cut = (): void => {
    for (const { client, server: upstream } of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    bytes,
    cut,
    refuse(on) {
      faults.isRefusing = on;
      if (on) cut();
    },
    freeze(on) {
      faults.isFrozen = on;
      for (const { client, server: upstream } of pairs) {
        for (const socket of [client, upstream]) {
          if (on) socket.pause();
          else socket.resume();
        }
      }
    },
    throttle(bytesPerSecond) {
      faults.bytesPerSecond = bytesPerSecond;
    },
    corrupt(every) {
      faults.corruptEvery = every;
    },
    repeat(every) {
      faults.repeatEvery = every;
    },
    repeated: () => repeated,
    lookFor(text) {
      let tail: Buffer = Buffer.alloc(0);
      let at: number | undefined;
      lookout = (chunk) => {
        tail = Buffer.concat([tail, chunk]);
        const end = tail.indexOf(text) + text.length;
        if (at === undefined && end >= text.length) at = bytes.toClient - tail.length + end;
        tail = tail.subarray(Math.max(0, tail.length - text.length));
      };
      return () => at;
    },
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
