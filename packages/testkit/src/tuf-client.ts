// The stock client of tuf-js over the HTTP side of a hub: what any TUF client sees. It adds the token and the hub's CA to
// each request and nothing else.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Readable } from 'node:stream';
import { BaseFetcher, Updater } from 'tuf-js';

/** The class that means "no newer root" to tuf-js; its index does not export it. */
const { DownloadHTTPError } = createRequire(createRequire(import.meta.url).resolve('tuf-js'))('./error') as {
  DownloadHTTPError: new (message: string, status: number) => Error;
};

type Body = Awaited<ReturnType<BaseFetcher['fetch']>>;

export interface TufHub {
  readonly httpUrl: string;
  readonly caFile?: string;
}

class TokenFetcher extends BaseFetcher {
  readonly #token: string;
  readonly #ca: Buffer | undefined;
  constructor(token: string, caFile: string | undefined) {
    super();
    this.#token = token;
    this.#ca = caFile === undefined ? undefined : readFileSync(caFile);
  }

  override fetch(url: string): Promise<Body> {
    const options = { headers: { authorization: `Bearer ${this.#token}` }, ...(this.#ca && { ca: this.#ca }) };
    return new Promise((resolve, reject) => {
      const request = (url.startsWith('https:') ? https : http).get(url, options, (response) => {
        const { statusCode = 0 } = response;
        if (statusCode === 200) return resolve(Readable.toWeb(response) as Body);
        response.resume();
        return reject(new DownloadHTTPError('refused', statusCode));
      });
      request.once('error', reject);
    });
  }
}

export interface TufClient {
  readonly folder: string;
  readonly updater: Updater;
  /** The same client, started again: it goes on from what it wrote. */
  reopen(): TufClient;
  /** The same, where the hub has another address. */
  moveTo(hub: TufHub): TufClient;
  /** Refreshes from the start and looks a target up. */
  find(target: string): Promise<boolean>;
}

function openFolder(folder: string, hub: TufHub, tokenFile: string): TufClient {
  const make = () =>
    new Updater({
      metadataDir: path.join(folder, 'metadata'),
      targetDir: path.join(folder, 'targets'),
      metadataBaseUrl: `${hub.httpUrl}/api/v1/tuf/metadata`,
      targetBaseUrl: `${hub.httpUrl}/api/v1/tuf/targets`,
      fetcher: new TokenFetcher(readFileSync(tokenFile, 'utf8').trim(), hub.caFile),
    });
  return {
    folder,
    updater: make(),
    reopen: () => openFolder(folder, hub, tokenFile),
    moveTo: (other) => openFolder(folder, other, tokenFile),
    find: async (target) => (await make().getTargetInfo(target)) !== undefined,
  };
}

/** A client that was handed this root, in a folder of its own. */
export async function openTufClient(
  folder: string,
  hub: TufHub,
  tokenFile: string,
  root: Uint8Array,
): Promise<TufClient> {
  for (const sub of ['metadata', 'targets']) mkdirSync(path.join(folder, sub), { recursive: true });
  writeFileSync(path.join(folder, 'metadata/root.json'), root);
  return openFolder(folder, hub, tokenFile);
}
