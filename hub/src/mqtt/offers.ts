// Decides which ways to an artifact a device is told of beside chunks over MQTT, and what it may fetch because of them. Never
// serves a byte.
import type { Digest } from '@drover/core/ids';
import type { BlobRef } from '@drover/trust/documents';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { Offer, Source } from '@drover/wire/messages';
import type { Session } from './sessions.ts';

/** Ways to one artifact for one device, the best first; empty when there is none. */
export type WaysTo = (session: Session, blob: BlobRef) => Promise<readonly Source[]> | readonly Source[];

/** An artifact whose ways are named must be worth a request of its own. */
export async function listOffers(
  session: Session,
  blobs: readonly BlobRef[],
  ways: readonly WaysTo[],
): Promise<readonly Offer[]> {
  const offers: Offer[] = [];
  for (const blob of blobs) {
    const sources = (await Promise.all(ways.map(async (way) => way(session, blob)))).flat();
    if (sources.length > 0) offers.push({ digest: blob.sha256, sources });
  }
  return offers;
}

/**
 * The artifact by HTTPS. Not where devices of the site serve each other: then one of them fetches it over MQTT and the others
 * from it, while all of them would go to a mirror at once.
 */
export const mirrorsOf = ({ sha256, size }: BlobRef, templates: readonly string[], hasCache: boolean): Source[] =>
  hasCache || size <= CHUNK_BYTES
    ? []
    : templates.map((template) => ({ kind: 'mirror', url: template.replace('{sha256}', sha256) }));

/** What a device may fetch of the hub because it was offered: recipes and ciphertexts, with their lists. */
export function digestsOf(offers: readonly Offer[]): Digest[] {
  return offers.flatMap(({ sources }) =>
    sources.flatMap((source) => {
      if (source.kind !== 'delta' && source.kind !== 'sealed') return [];
      const own = source.kind === 'delta' ? source.recipe : source.digest;
      return source.chunkList === undefined ? [own] : [own, source.chunkList];
    }),
  );
}
