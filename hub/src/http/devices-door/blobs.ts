// Serves artifacts to devices by HTTP range requests: only what the device's desired document names, a bounded number at a time,
// and in the turn of its site. Never knows what a device needs.
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Digest } from '@drover/core/ids';
import { refuse } from '@drover/core/reasons';
import { Hex64 } from '@drover/wire/http/common';
import { CHUNK_BYTES } from '@drover/wire/limits';
import Type from 'typebox';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { sendRefusal } from '../errors.ts';
import { type DevicesApi, deviceOf } from './server.ts';

export interface DeviceBlobDeps {
  readonly blobs: BlobStore;
  /** What the device may fetch. */
  readonly entitled: (device: string) => Promise<ReadonlySet<string>>;
  /** 0: it is the device's turn; otherwise the ms after which it asks again. */
  readonly takeTurn: (device: string) => number;
  /** Reads through a cache that all transfers share. */
  readonly readChunk: (digest: Digest, index: number) => Promise<Uint8Array | undefined>;
}

/** Answers under way at the same time, each of which holds a chunk or two in memory. */
const ANSWERS = 64;
const RANGE = /^bytes=(\d{1,15})-(\d{0,15})$/;

interface Span {
  readonly from: number;
  /** Exclusive. */
  readonly end: number;
}

/** RFC 9110 §14.2: one range of bytes. Undefined when it lies outside; the whole when there is no header of this form. */
export function readRange(header: string | undefined, size: number): (Span & { readonly isPart: boolean }) | undefined {
  const [, from, to] = RANGE.exec(header ?? '') ?? [];
  if (from === undefined) return { from: 0, end: size, isPart: false };
  const span = { from: Number(from), end: to ? Math.min(size, Number(to) + 1) : size, isPart: true };
  return span.from < span.end ? span : undefined;
}

/** The chunks of a span, cut to it. */
async function* readSpan(deps: DeviceBlobDeps, digest: Digest, { from, end }: Span): AsyncGenerator<Uint8Array> {
  for (let at = from; at < end; ) {
    const index = Math.floor(at / CHUNK_BYTES);
    const chunk = await deps.readChunk(digest, index);
    const part = chunk?.subarray(at - index * CHUNK_BYTES, end - index * CHUNK_BYTES);
    if (!part || part.length === 0) throw new Error(`blob ${digest} ended at ${at}`);
    at += part.length;
    yield part;
  }
}

export function addDeviceBlobRoutes(api: DevicesApi, deps: DeviceBlobDeps): void {
  let answers = 0;
  api.get('/d/v1/blobs/:sha256', { schema: { params: Type.Object({ sha256: Hex64 }) } }, async (request, reply) => {
    const { id } = deviceOf(request);
    // Whether this is node:http's or node:https's is not known here; both have these.
    const { range } = request.headers as { readonly range?: string };
    const response = reply.raw as unknown as ServerResponse;
    const { sha256 } = request.params;
    if (!(await deps.entitled(id)).has(sha256))
      return sendRefusal(reply, refuse('artifact_not_entitled', `Device "${id}", blob ${sha256}.`));
    const size = await deps.blobs.size(sha256);
    if (size === undefined) return sendRefusal(reply, refuse('artifact_unknown', `There is no blob sha256:${sha256}.`));
    const span = readRange(range, size);
    if (!span) return reply.status(416).header('content-range', `bytes */${size}`).send();
    const waitMs = answers >= ANSWERS ? 1000 : deps.takeTurn(id);
    if (waitMs > 0)
      return sendRefusal(
        reply.header('retry-after', Math.ceil(waitMs / 1000)),
        refuse('hub_busy', 'Others have their turn.'),
      );
    answers += 1;
    response.once('close', () => {
      answers -= 1;
    });
    void reply
      .header('content-length', span.end - span.from)
      .header('accept-ranges', 'bytes')
      .header('etag', `"${sha256}"`)
      .type('application/octet-stream');
    if (span.isPart) void reply.status(206).header('content-range', `bytes ${span.from}-${span.end - 1}/${size}`);
    return reply.send(Readable.from(readSpan(deps, sha256, span), { objectMode: false, highWaterMark: CHUNK_BYTES }));
  });
}
