// Decides what the doctor says about what was observed: findings, worst first, each with its remedy. Observes nothing.
import type { Static } from '@drover/wire/http/check';
import type { Device } from '@drover/wire/http/devices';
import type { PendingEnrolment } from '@drover/wire/http/enrolment';
import type { Status } from '@drover/wire/http/monitoring';
import type { RoleView } from '@drover/wire/http/release';
import { isUnknownCa, TRUST_HINT } from '../trust-ca.ts';

export type Level = 'fail' | 'warn' | 'ok';

export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly says: string;
  /** A command or an action; empty when nothing is wrong. */
  readonly fix: string;
}

/** What was seen; absent parts could not be looked at. */
export interface Observed {
  readonly nodeVersion: string;
  readonly hub: { readonly url: string; readonly from: string };
  /** Whether `/health/live` answered, and why not. */
  readonly reach:
    | { readonly ok: true; readonly ready: boolean; readonly skewMs: number | undefined }
    | { readonly ok: false; readonly why: string };
  readonly token: { readonly file: string; readonly mode: number } | undefined;
  /** Why the API refused, when it did. */
  readonly refusal: { readonly code: string; readonly message: string; readonly next: string } | undefined;
  readonly status: Static<typeof Status> | undefined;
  readonly devices: readonly Static<typeof Device>[] | undefined;
  /** Roles of the release metadata; a hub of 0.1 has none. */
  readonly roles?: readonly RoleView[] | undefined;
  /** Devices that wait for a person; undefined when that could not be asked. */
  readonly pending?: readonly Static<typeof PendingEnrolment>[] | undefined;
  /** Whether the broker's port took a connection; undefined when its address is not known here. */
  readonly mqtt: { readonly url: string; readonly ok: boolean } | undefined;
  /** Ports the default hub needs that something else holds; looked at only when no hub answers. */
  readonly takenPorts: readonly number[];
  readonly disk: { readonly dir: string; readonly freeBytes: number; readonly totalBytes: number } | undefined;
}

const MINIMUM_NODE = [24, 15] as const;
const MAX_SKEW_MS = 30_000;
const LOW_DISK = 500e6;
const EMPTY_DISK = 50e6;

const ok = (check: string, says: string): Finding => ({ check, level: 'ok', says, fix: '' });
const warn = (check: string, says: string, fix: string): Finding => ({ check, level: 'warn', says, fix });
const fail = (check: string, says: string, fix: string): Finding => ({ check, level: 'fail', says, fix });

function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  return enough
    ? ok('node', `Node ${version}`)
    : fail('node', `Node ${version} is older than ${MINIMUM_NODE.join('.')}.`, 'npm ci');
}

function judgeHub(seen: Observed): Finding[] {
  const { hub, reach, takenPorts } = seen;
  if (!reach.ok && isUnknownCa(reach.why)) {
    const says = `${hub.url} shows a certificate of a CA that this machine does not know (${reach.why}).`;
    return [fail('hub', says, TRUST_HINT)];
  }
  if (!reach.ok) {
    const taken = takenPorts.map((port) =>
      fail(
        'ports',
        `Port ${port} is held by another program, and no hub answers.`,
        `npm start -- --http 127.0.0.1:${port === 8080 ? 9080 : 8080} --mqtt 127.0.0.1:${port === 1883 ? 9883 : 1883}`,
      ),
    );
    return [fail('hub', `No hub answers at ${hub.url} (from ${hub.from}): ${reach.why}.`, 'npm start, or drover doctor --hub URL'), ...taken]; // biome-ignore format: two findings
  }
  const findings = [
    reach.ready
      ? ok('hub', `${hub.url} answers and is ready`)
      : fail('hub', `${hub.url} answers but is not ready.`, "Read the hub's log."),
  ];
  if (reach.skewMs !== undefined) {
    const seconds = Math.round(Math.abs(reach.skewMs) / 1000);
    findings.push(
      Math.abs(reach.skewMs) > MAX_SKEW_MS
        ? warn(
            'clock',
            `This clock is ${seconds} s ${reach.skewMs > 0 ? 'ahead of' : 'behind'} the hub's.`,
            'timedatectl set-ntp true',
          )
        : ok('clock', 'within 30 s of the hub'),
    );
  }
  return findings;
}

function judgeToken(seen: Observed): Finding[] {
  const { token, refusal, status } = seen;
  const findings: Finding[] = [];
  if (!token) findings.push(warn('token', 'No token file was found.', 'drover login --name NAME, or --token-file FILE'));
  else if ((token.mode & 0o077) !== 0) findings.push(warn('token', `Others can read "${token.file}" (mode ${(token.mode & 0o777).toString(8)}).`, `chmod 600 ${token.file}`));
  else findings.push(ok('token', token.file)); // biome-ignore format: one a line
  if (refusal) findings.push(fail('api', `${refusal.message} [${refusal.code}]`, refusal.next));
  else if (status) findings.push(ok('api', `version ${status.version}, mode ${status.mode}`));
  return findings;
}

const some = (names: readonly string[]): string =>
  `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;

function judgeFleet(seen: Observed): Finding[] {
  const { devices, status } = seen;
  if (!devices) return [];
  const join =
    status?.mode === 'tls' ? 'drover device claim (docs/enrolment.md)' : 'drover agent join && drover agent run';
  if (devices.length === 0) return [warn('fleet', 'No device has joined.', join)];
  const findings: Finding[] = [];
  const away = devices.filter((d) => d.presence !== 'online').map((d) => d.id);
  const behind = devices.filter((d) => d.presence === 'online' && d.slots.some((s) => !s.inSync));
  const failed = behind.flatMap((d) =>
    d.slots.filter((s) => s.deployment?.code !== undefined && !s.inSync).map((s) => `${d.id} (${s.deployment?.code})`),
  );
  if (failed.length > 0)
    findings.push(
      fail(
        'in sync',
        `${failed.length} devices refuse or fail what they should run: ${some(failed)}.`,
        `drover device show ${behind[0]?.id ?? ''}`,
      ),
    );
  else if (behind.length > 0)
    findings.push(
      warn(
        'in sync',
        `${behind.length} devices do not yet run what they should: ${some(behind.map((d) => d.id))}.`,
        `drover device show ${behind[0]?.id ?? ''}`,
      ),
    );
  if (away.length > 0)
    findings.push(
      warn(
        'presence',
        `${away.length} of ${devices.length} devices are not online: ${some(away)}.`,
        'drover agent run (on the device)',
      ),
    );
  if (findings.length === 0) findings.push(ok('fleet', `${devices.length} devices online and in sync`));
  if (status && status.ingest.lost > 0)
    findings.push(
      warn(
        'uplink',
        `${status.ingest.lost} entries were lost before they reached the hub.`,
        'drover device list --json',
      ),
    );
  return findings; // biome-ignore format: one a line
}

function judgeIdentities({ pending = [], devices = [] }: Observed): Finding[] {
  const findings: Finding[] = [];
  const copied = pending.filter(({ why }) => why !== 'approval').map(({ device }) => device);
  const waiting = pending.filter(({ why }) => why === 'approval').map(({ device }) => device);
  const expired = devices.filter(({ identity }) => identity?.state === 'expired').map(({ id }) => id);
  if (copied.length > 0)
    findings.push(
      fail('identity', `A known device came with another key: ${some(copied)}. Is it a copy?`, 'drover device pending'),
    );
  if (waiting.length > 0)
    findings.push(warn('identity', `${waiting.length} wait for a person: ${some(waiting)}`, 'drover device pending'));
  if (expired.length > 0)
    findings.push(
      warn(
        'identity',
        `The certificate expired while they were away: ${some(expired)}`,
        'Nothing, when they come back: they renew by themselves.',
      ),
    );
  return findings; // biome-ignore format: one a line
}

/** Roles whose keys are with people run out without anybody noticing. */
function judgeRelease(seen: Observed): Finding[] {
  const { roles } = seen;
  if (roles === undefined) return [];
  const due = roles.filter(({ warning }) => warning !== null);
  if (due.length === 0) return [ok('release', `release metadata: ${roles.length} roles, none runs out soon`)];
  return due.slice(0, 5).map(({ warning, role }) => {
    const [says = '', fix = ''] = (warning ?? '').split('; ');
    return / expired /.test(says)
      ? fail('release', `${says}.`, fix || `drover keys renew ${role}`)
      : warn('release', `${says}.`, fix || `drover keys renew ${role}`);
  });
}

function judgeDisk(seen: Observed): Finding[] {
  if (!seen.disk) return [];
  const { dir, freeBytes } = seen.disk;
  const free = `${Math.round(freeBytes / 1e6)} MB free at ${dir}`;
  if (freeBytes < EMPTY_DISK) return [fail('disk', `Only ${free}.`, `df -h ${dir}`)];
  return [freeBytes < LOW_DISK ? warn('disk', `Only ${free}.`, `df -h ${dir}`) : ok('disk', free)];
}

const RANK: Record<Level, number> = { fail: 0, warn: 1, ok: 2 };

/** All findings, failures first; among equals in the order in which one would look. */
export function judge(seen: Observed): Finding[] {
  const mqtt = seen.mqtt
    ? [seen.mqtt.ok ? ok('broker', seen.mqtt.url) : fail('broker', `${seen.mqtt.url} takes no connection.`, 'Restart the hub; read its log.')]
    : [];
  const all = [judgeNode(seen.nodeVersion), ...judgeHub(seen), ...judgeToken(seen), ...mqtt, ...judgeFleet(seen), ...judgeIdentities(seen), ...judgeRelease(seen), ...judgeDisk(seen)];
  return all.map((finding, i) => ({ finding, i })).sort((a, b) => RANK[a.finding.level] - RANK[b.finding.level] || a.i - b.i).map(({ finding }) => finding);
} // biome-ignore format: one chain
