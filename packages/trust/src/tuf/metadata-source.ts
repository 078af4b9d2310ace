// Where files of the release metadata come from: a folder or a web server here, the hub's broker in the agent. Never believes
// what comes, and never reads more than it was told to.
import { openAsBlob } from 'node:fs';
import path from 'node:path';
import { accept, type Result, refuse } from '@drover/core/reasons';

export interface MetadataSource {
  /**
   * The file of this name, undefined when there is none; a refusal when that cannot be known. `name` is a plain file name.
   * A file that is larger than `mostBytes` is refused. `signal` says that nobody waits any more.
   */
  fetch(name: string, mostBytes: number, signal: AbortSignal): Promise<Result<Uint8Array | undefined>>;
}

const tooLarge = (name: string, mostBytes: number) =>
  refuse('metadata_too_large', `"${name}" has more than ${mostBytes} bytes.`);

async function readBounded(
  stream: ReadableStream<Uint8Array>,
  name: string,
  mostBytes: number,
): Promise<Result<Uint8Array>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the stream: an endless file is cut off at its first byte too many.
  for await (const part of stream) {
    size += part.length;
    if (size > mostBytes) return tooLarge(name, mostBytes);
    parts.push(part);
  }
  return accept(Buffer.concat(parts));
}

/** A folder as it was exported, for devices that no network reaches. */
export const folderSource = (folder: string): MetadataSource => ({
  async fetch(name, mostBytes) {
    if (path.basename(name) !== name) return refuse('metadata_name_invalid', `"${name.slice(0, 160)}".`);
    let blob: Blob;
    try {
      blob = await openAsBlob(path.join(folder, name));
    } catch (error) {
      if (
        error instanceof Error &&
        'code' in error &&
        error.code !== 'ENOENT' &&
        error.code !== 'ERR_INVALID_ARG_VALUE'
      )
        return refuse('metadata_unreachable', `"${name}": ${error.message.slice(0, 200)}.`);
      return accept(undefined);
    }
    return blob.size > mostBytes ? tooLarge(name, mostBytes) : accept(new Uint8Array(await blob.arrayBuffer()));
  },
});

/** A web server that serves the repository below `baseUrl`, which ends in "/". */
export const webSource = (baseUrl: string): MetadataSource => ({
  async fetch(name, mostBytes, signal) {
    try {
      const response = await fetch(new URL(encodeURIComponent(name), baseUrl), { signal, redirect: 'error' });
      if (response.status === 404) return accept(undefined);
      if (!response.ok || !response.body)
        return refuse('metadata_unreachable', `"${name}": the server answered ${response.status}.`);
      return await readBounded(response.body, name, mostBytes);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      return refuse('metadata_unreachable', `"${name}": ${cause.slice(0, 200)}.`);
    }
  },
});
