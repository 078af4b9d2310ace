// Owns how the roles of the release metadata look over HTTP: public facts only. Never changes one.
import { keyidOf } from '@drover/trust/dsse';
import { type KeySet, keySetOf, rootParts } from '@drover/trust/tuf/build';
import { tufKeyidOf } from '@drover/trust/tuf/metadata';
import { metadataFile } from '@drover/trust/tuf/names';
import type { RoleView } from '@drover/wire/http/release';
import type { Keyring } from './keyring.ts';
import { describeDue, planRenewal } from './plan.ts';
import { listLive, type ReleaseState } from './state.ts';

export function viewRoles(state: ReleaseState, keyring: Pick<Keyring, 'holds'>, now: number): RoleView[] {
  const { root, targets, snapshot, timestamp } = state;
  const parts = rootParts(root.signed);
  const due = new Map(planRenewal(state, (keys) => keyring.holds(keys), now).runningOut.map((one) => [one.role, one]));
  const view = (
    role: string,
    signed: { readonly version: number; readonly expires: string },
    keys: KeySet,
    isFile = true,
  ): RoleView => {
    const running = due.get(role);
    return {
      role,
      version: signed.version,
      expiresAt: signed.expires,
      file: isFile ? metadataFile(role, signed.version) : null,
      threshold: keys.threshold,
      keys: keys.keys.map((key) => ({
        keyid: keyidOf(key),
        tufKeyid: tufKeyidOf(key),
        publicKey: Buffer.from(key).toString('hex'),
      })),
      isHeld: keyring.holds(keys),
      warning: running === undefined ? null : describeDue(running, now),
    };
  };
  const online = keySetOf(root.signed.roles.timestamp, root.signed.keys);
  return [
    view('root', root.signed, parts.root),
    view('targets', targets.signed, parts.targets),
    ...(snapshot ? [view('snapshot', snapshot.signed, online)] : []),
    ...(timestamp ? [view('timestamp', timestamp.signed, online)] : []),
    view('director', root.signed, parts.director, false),
    // Teams that have released nothing yet have keys and no file.
    ...(targets.signed.delegations?.roles ?? [])
      .filter(({ name }) => !state.roles.has(name))
      .map((role) =>
        view(
          role.name,
          { version: 0, expires: targets.signed.expires },
          keySetOf(role, targets.signed.delegations?.keys ?? {}),
          false,
        ),
      ),
    ...listLive(state).map(({ role, keys, metadata }) => view(role, metadata.signed, keys)),
  ];
}
