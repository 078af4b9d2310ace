// Brings an artifact as a recipe and makes it from one that the device holds, in the turns that serving leaves. Never believes
// a recipe: every chunk is checked as it is taken, and what is odd in any way leaves the artifact to the other ways.
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { ApplyInput } from '@drover/delta/apply';
import { NO_BYTES } from '@drover/delta/recipe';
import type { FileSource } from '@drover/delta/sources';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { BlobRef, BlobStore } from '../store/blobs.ts';
import type { FetchSource, Transfer } from './transfer.ts';

export interface DeltaDeps {
  readonly blobs: BlobStore;
  /** Brings the recipe itself, like any artifact. */
  readonly fetch: (ref: BlobRef, signal: AbortSignal) => Promise<Result<undefined>>;
}

/** What makes artifacts comes with the first recipe: an agent that never sees one stays small. */
const openRoom = async () => {
  const [{ applyRecipe }, { bytesSource, openSource }] = await Promise.all([
    import('@drover/delta/apply'),
    import('@drover/delta/sources'),
  ]);
  return { applyRecipe, bytesSource, openSource };
};
type Room = Awaited<ReturnType<typeof openRoom>>;

const interrupted = () => refuse('artifact_timeout', 'It was interrupted.');

/** The digest of what a source holds; undefined when it was interrupted. */
async function digestOf(source: FileSource, signal: AbortSignal): Promise<string | undefined> {
  const hash = createHash('sha256');
  for (let at = 0; at < source.size; at += CHUNK_BYTES) {
    hash.update(source.read(at, CHUNK_BYTES));
    await turn();
    if (signal.aborted) return undefined;
  }
  return hash.digest('hex');
}

/** Everything that the recipe makes, piece by piece, in turns. */
async function makePieces(
  { applyRecipe }: Room,
  input: ApplyInput,
  onPiece: (piece: Uint8Array) => Result<undefined>,
  signal: AbortSignal,
): Promise<Result<undefined>> {
  const pieces = applyRecipe(input);
  for (;;) {
    const next = pieces.next();
    if (next.done) return next.value;
    const taken = onPiece(next.value);
    if (!taken.ok) return taken;
    // Predictions are answered by the same thread.
    await turn();
    if (signal.aborted) return interrupted();
  }
}

/** Cuts pieces in chunks and gives them to the transfer. */
function makeTaker(transfer: Transfer): (piece: Uint8Array) => Result<undefined> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let [index, filled] = [0, 0];
  return (piece) => {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + transfer.sizeOf(index) - filled);
      chunk.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < transfer.sizeOf(index)) continue;
      const taken = transfer.held.has(index) ? 'taken' : transfer.take(index, chunk.subarray(0, filled), 'delta');
      if (taken === 'full') return transfer.trouble ?? refuse('disk_full', '');
      if (taken === 'bad') return refuse('artifact_digest_mismatch', `Chunk ${index} of what the recipe makes.`);
      index += 1;
      filled = 0;
    }
    return accept(undefined);
  };
}

/** Without a list of chunk hashes nothing that was taken could be told from damage: then all is made once to be compared. */
async function checkWhole(
  room: Room,
  input: ApplyInput,
  transfer: Transfer,
  signal: AbortSignal,
): Promise<Result<undefined>> {
  if (transfer.ref.chunkList !== undefined) return accept(undefined);
  const hash = createHash('sha256');
  const made = await makePieces(
    room,
    input,
    (piece) => {
      hash.update(piece);
      return accept(undefined);
    },
    signal,
  );
  if (!made.ok || hash.digest('hex') === transfer.ref.sha256) return made;
  return refuse('artifact_digest_mismatch', 'What the recipe makes is another artifact.');
}

export function makeDeltaSource({ blobs, fetch }: DeltaDeps): FetchSource<'delta'> {
  return async ({ base, recipe, size, chunkList }, transfer, signal) => {
    const { ref } = transfer;
    const baseFile = base === NO_BYTES ? undefined : blobs.fileOf(base);
    if (base !== NO_BYTES && baseFile === undefined)
      return refuse('source_unavailable', `The base ${base.slice(0, 12)}… is not here.`);
    // Whoever offers a recipe as large as the artifact offers a way to fill the disk.
    if (size >= ref.size) return refuse('source_unavailable', `The recipe has ${size} bytes.`);
    const fetched = await fetch({ sha256: recipe, size, chunkList }, signal);
    if (!fetched.ok) return fetched;
    const room = await openRoom();
    const open: FileSource[] = [];
    try {
      const { openSource, bytesSource } = room;
      const held = baseFile === undefined ? undefined : openSource(baseFile);
      if (held) open.push(held);
      if (held && (await digestOf(held, signal)) !== base) {
        return signal.aborted ? interrupted() : refuse('artifact_digest_mismatch', 'The base is damaged on the disk.');
      }
      const recipeFile = blobs.fileOf(recipe);
      if (recipeFile === undefined) return refuse('source_unavailable', 'The recipe was removed.');
      const told = openSource(recipeFile);
      open.push(told);
      const input: ApplyInput = {
        recipe: told,
        base: held ?? bytesSource(new Uint8Array(0)),
        pair: { base, baseSize: held?.size ?? 0, target: ref.sha256, targetSize: ref.size },
      };
      const whole = await checkWhole(room, input, transfer, signal);
      return whole.ok ? await makePieces(room, input, makeTaker(transfer), signal) : whole;
    } finally {
      for (const source of open) source.close();
      // A try that was interrupted goes on with the recipe; any other has no more use for it.
      if (!signal.aborted) for (const sha256 of [recipe, chunkList]) if (sha256 !== undefined) blobs.remove(sha256);
    }
  };
}
