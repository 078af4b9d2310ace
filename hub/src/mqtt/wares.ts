// Decides in what form the artifacts of a wish leave the hub for one device: as they are, with the ways to them, or only sealed.
// Never serves a byte.
import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { BlobRef } from '@drover/trust/documents';
import { OFFERS } from '@drover/wire/limits';
import type { Offer, Source } from '@drover/wire/messages';
import { digestsOf, listOffers, type WaysTo } from './offers.ts';
import type { Session } from './sessions.ts';

export interface Named {
  /** Of the manifest. */
  readonly digest: string;
  readonly model: string;
  readonly blobs: readonly BlobRef[];
}

export interface SealingSide {
  isConfidential(model: string): Promise<boolean>;
  offer(device: string, blob: BlobRef): Promise<Result<Extract<Source, { kind: 'sealed' }>>>;
}

/** What the manifests name, and in what form it may leave the hub. */
export interface Wares {
  readonly offers: readonly Offer[];
  /** Manifests whose artifacts leave only sealed. */
  readonly confidential: ReadonlySet<string>;
  /** Plaintext → ciphertext. */
  readonly sealed: ReadonlyMap<string, string>;
}

/** Blobs of the manifests, their lists of chunk hashes, and what is offered in their place. */
export const fetchable = (named: readonly Named[], { offers, confidential }: Wares): ReadonlySet<string> =>
  new Set([
    ...named.flatMap(({ digest, blobs }) =>
      (confidential.has(digest) ? [] : blobs).flatMap(({ sha256, chunkList }) =>
        chunkList === undefined ? [sha256] : [sha256, chunkList],
      ),
    ),
    ...digestsOf(offers),
  ]);

/** What is named and leaves only sealed. */
export const withheld = (named: readonly Named[], { confidential }: Wares): ReadonlySet<string> =>
  new Set(named.flatMap(({ digest, blobs }) => (confidential.has(digest) ? blobs.map(({ sha256 }) => sha256) : [])));

/** Which of the manifests name each artifact, in the form in which it travels. */
export function carriersOf(named: readonly Named[], { sealed }: Wares): ReadonlyMap<string, readonly string[]> {
  const carriers = new Map<string, string[]>();
  for (const { digest, blobs } of named) {
    for (const { sha256 } of blobs) {
      const travels = sealed.get(sha256) ?? sha256;
      carriers.set(travels, [...(carriers.get(travels) ?? []), digest]);
    }
  }
  return carriers;
}

export interface WaresDeps {
  readonly ways: readonly WaysTo[];
  readonly sealing: SealingSide | undefined;
  readonly unsealable: ((device: string, refusal: Refusal) => void) | undefined;
}

export function makeWares({
  ways,
  sealing,
  unsealable,
}: WaresDeps): (session: Session, named: readonly Named[]) => Promise<Wares> {
  /** The ciphertext of an artifact for this device, and the ways to it: they carry nothing else. */
  async function offerSealed(session: Session, blob: BlobRef): Promise<readonly Offer[]> {
    const made = session.features.has('sealed/1')
      ? await sealing?.offer(session.device, blob)
      : refuse('sealed_key_invalid', `The agent of "${session.device}" cannot unseal.`);
    if (!made?.ok) {
      if (made) unsealable?.(session.device, made);
      return [];
    }
    const { digest, size, chunkList } = made.value;
    const ciphertext: BlobRef = { sha256: digest, size, ...(chunkList !== undefined && { chunkList }) };
    return [{ digest: blob.sha256, sources: [made.value] }, ...(await listOffers(session, [ciphertext], ways))];
  }

  return async (session, named) => {
    const confidential = new Set<string>();
    for (const { digest, model } of named) if (await sealing?.isConfidential(model)) confidential.add(digest);
    const open = named.filter(({ digest }) => !confidential.has(digest)).flatMap(({ blobs }) => blobs);
    const offers = [...(await listOffers(session, open.slice(0, OFFERS), ways))];
    const sealed = new Map<string, string>();
    for (const { digest, blobs } of named) {
      if (!confidential.has(digest)) continue;
      for (const blob of blobs) {
        const [own, ...more] = await offerSealed(session, blob);
        const source = own?.sources[0];
        if (!own || source?.kind !== 'sealed') continue;
        sealed.set(blob.sha256, source.digest);
        offers.unshift(own);
        offers.push(...more);
      }
    }
    return { offers: offers.slice(0, OFFERS), confidential, sealed };
  };
}
