// Opens what this process listens on: the local API on TCP and on a socket, and the site cache. All of them or none.
import { accept, type Result } from '@drover/core/reasons';
import type { HttpAddress } from '../config.ts';
import { type CacheDeps, type CacheServer, startCache } from './cache.ts';
import { type HttpDeps, type ListenAt, type LocalServer, startServer } from './http.ts';

export interface Doors {
  /** Of the local API on TCP. */
  readonly port: number | undefined;
  readonly cache: CacheServer | undefined;
  /** Neighbours and local programs get no more answers. */
  close(): Promise<void>;
}

export interface DoorsDeps {
  readonly at: readonly (ListenAt | undefined)[];
  readonly local: HttpDeps;
  readonly cacheAt: HttpAddress | undefined;
  readonly cache: CacheDeps;
}

export async function openDoors({ at, local, cacheAt, cache: cacheDeps }: DoorsDeps): Promise<Result<Doors>> {
  const servers: LocalServer[] = [];
  let cache: CacheServer | undefined;
  const close = async (): Promise<void> => {
    for (const server of servers.splice(0)) await server.close();
    await cache?.close();
    cache = undefined;
  };
  for (const one of at) {
    if (!one) continue;
    const server = await startServer(one, local);
    if (!server.ok) {
      await close();
      return server;
    }
    servers.push(server.value);
  }
  if (cacheAt) {
    const started = await startCache(cacheAt, cacheDeps);
    if (!started.ok) {
      await close();
      return started;
    }
    cache = started.value;
  }
  return accept({ port: servers[0]?.port, cache, close });
}
