// Decides from the flags of `agent join` by which door this device comes in, if by one. Reads no file and no environment.
import { parseDeviceId } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { type Claim, parseClaim, parseDevicesUrl, parseFingerprint } from '@drover/trust/pki/claim-string';

/** Flags of `join` that belong to a door. */
export const DOOR_FLAGS = [
  'claim', 'batch-token-file', 'factory-cert', 'factory-key', 'devices-url', 'ca-fingerprint', 'hardware', 'wait',
] as const; // biome-ignore format: one list

export type DoorConfig =
  /** `-`: from standard input. */
  | { readonly kind: 'claim'; readonly claim: Claim | '-' }
  | { readonly kind: 'batch'; readonly tokenFile: string }
  | { readonly kind: 'factory'; readonly certFile: string; readonly keyFile: string };

export interface EnrolConfig {
  readonly command: 'enrol';
  readonly dataDir: string;
  readonly door: DoorConfig;
  /** Undefined with a claim: it carries them. */
  readonly devicesUrl: string | undefined;
  readonly caFingerprint: string | undefined;
  readonly id: string | undefined;
  readonly hardware: string | undefined;
  readonly rejoin: boolean;
  readonly wantsNewKey: boolean;
  /** `person`: this device takes only what a release key held off the hub signed. */
  readonly release: 'any' | 'person' | undefined;
  /** How long to wait for a person, ms. */
  readonly waitMs: number;
}

type Text = (name: string) => string | undefined;

const wrong = (detail: string) => refuse('agent_config_invalid', detail);
const HARDWARE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/;
const DEFAULT_WAIT_SECONDS = 600;
const MOST_WAIT_SECONDS = 30 * 86_400;

function readDoor(text: Text): Result<DoorConfig> {
  const [claim, tokenFile, certFile, keyFile] = [
    text('claim'), text('batch-token-file'), text('factory-cert'), text('factory-key'),
  ]; // biome-ignore format: one row
  const doors = [claim, tokenFile, certFile ?? keyFile].filter((each) => each !== undefined);
  if (doors.length > 1) return wrong('Choose one of --claim, --batch-token-file and --factory-cert.');
  if (claim !== undefined) {
    if (claim === '-') return accept({ kind: 'claim', claim });
    const parsed = parseClaim(claim);
    return parsed.ok ? accept({ kind: 'claim', claim: parsed.value }) : parsed;
  }
  if (tokenFile !== undefined) return accept({ kind: 'batch', tokenFile });
  if (certFile === undefined || keyFile === undefined) return wrong('--factory-cert and --factory-key go together.');
  return accept({ kind: 'factory', certFile, keyFile });
}

/** Undefined: none of the flags of a door is there. */
export function parseEnrol(
  text: Text,
  has: (name: string) => boolean,
  dataDir: string,
): Result<EnrolConfig | undefined> {
  if (!DOOR_FLAGS.some((name) => text(name) !== undefined) && !has('new-key')) return accept(undefined);
  const door = readDoor(text);
  if (!door.ok) return door;
  const [urlText, fingerprintText] = [text('devices-url'), text('ca-fingerprint')];
  const needsAddress = door.value.kind !== 'claim';
  if (needsAddress !== (urlText !== undefined) || needsAddress !== (fingerprintText !== undefined)) {
    return wrong(
      needsAddress
        ? 'A batch token or factory certificate needs --devices-url and --ca-fingerprint.'
        : 'A claim carries the address and the fingerprint; leave --devices-url and --ca-fingerprint out.',
    );
  }
  const url = urlText === undefined ? accept(undefined) : parseDevicesUrl(urlText);
  if (!url.ok) return url;
  const fingerprint = fingerprintText === undefined ? accept(undefined) : parseFingerprint(fingerprintText);
  if (!fingerprint.ok) return fingerprint;
  const idText = text('id');
  const id = idText === undefined ? accept(undefined) : parseDeviceId(idText);
  if (!id.ok) return id;
  const hardware = text('hardware');
  if (hardware !== undefined && !HARDWARE.test(hardware))
    return wrong(
      `--hardware "${hardware.slice(0, 80)}" is not a serial number of 1 to 64 letters, digits and . _ : / -.`,
    );
  const waitText = text('wait');
  const seconds = waitText === undefined ? DEFAULT_WAIT_SECONDS : Number(waitText);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > MOST_WAIT_SECONDS || waitText === '')
    return wrong(`--wait "${waitText?.slice(0, 40)}" is not a number of seconds from 0 to ${MOST_WAIT_SECONDS}.`);
  const release = text('release');
  if (release !== undefined && release !== 'any' && release !== 'person')
    return wrong(`--release "${release.slice(0, 40)}" is neither any nor person.`);
  return accept({
    command: 'enrol',
    dataDir,
    door: door.value,
    devicesUrl: url.value,
    caFingerprint: fingerprint.value,
    id: id.value,
    hardware,
    rejoin: has('rejoin'),
    wantsNewKey: has('new-key'),
    release,
    waitMs: seconds * 1000,
  });
}
