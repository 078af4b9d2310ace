// Decides whether the roots that a hub hands over at join can be used. Never stores them.
import { accept, type Result } from '@drover/core/reasons';
import { openTrustedSet } from '@drover/trust/trusted-set';
import { openReleaseRoot } from '@drover/trust/tuf/trusted-root';
import type { EnvelopeJson } from '@drover/wire/http/common';
import type { SignedEnvelope } from '@drover/wire/messages';

/** What a device begins its trust with: the release root, or from a hub of 0.1 the old one. */
export interface HandedRoots {
  readonly release?: Uint8Array;
  readonly legacy?: SignedEnvelope;
}

/** Roots that this agent could not use would only be found out later, by a device that trusts nothing. A hub of 0.1 has no `tufRoot`. */
export function readHandedRoots(answer: {
  readonly root: EnvelopeJson;
  readonly tufRoot?: string;
}): Result<HandedRoots> {
  const { tufRoot, root } = answer;
  if (tufRoot !== undefined) {
    const release = Buffer.from(tufRoot, 'base64');
    const opened = openReleaseRoot(release);
    return opened.ok ? accept({ release }) : opened;
  }
  const legacy: SignedEnvelope = {
    payloadType: root.payloadType,
    payload: Buffer.from(root.payload, 'base64'),
    signatures: root.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig, 'base64') })),
  };
  const opened = openTrustedSet(legacy);
  return opened.ok ? accept({ legacy }) : opened;
}
