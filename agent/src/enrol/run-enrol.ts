// Reads what a door needs (a code from standard input, a token file, a factory certificate and key) and enrols. Never decides
// who gets in, and never repeats a code.
import { readFileSync } from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { parseClaim } from '@drover/trust/pki/claim-string';
import { openPrivateKeyFile } from '@drover/trust/pki/p256';
import { enrolAtHub, type Ticket } from './enrol.ts';
import type { EnrolConfig } from './enrol-config.ts';

interface Way {
  readonly devicesUrl: string;
  readonly caFingerprint: string;
  readonly ticket: Ticket;
}

const MOST_BYTES = 65_536;
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const TOKEN = /^[A-Za-z0-9_-]{22}$/;

function readText(file: string | 0): Result<string> {
  try {
    return accept(readFileSync(file, 'utf8').slice(0, MOST_BYTES));
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : 'unreadable';
    return refuse('agent_config_invalid', `${file === 0 ? 'Standard input' : `"${file}"`}: ${why}.`);
  }
}

function readWay({ door, devicesUrl = '', caFingerprint = '' }: EnrolConfig): Result<Way> {
  switch (door.kind) {
    case 'claim': {
      const given = door.claim === '-' ? readText(0) : accept(door.claim);
      if (!given.ok) return given;
      const claim = typeof given.value === 'string' ? parseClaim(given.value) : accept(given.value);
      if (!claim.ok) return claim;
      const { url, caFingerprint: fingerprint, code } = claim.value;
      return accept({ devicesUrl: url, caFingerprint: fingerprint, ticket: { kind: 'claim', code } });
    }
    case 'batch': {
      const text = readText(door.tokenFile);
      if (!text.ok) return text;
      const token = text.value.trim();
      if (!TOKEN.test(token)) return refuse('claim_invalid', `"${door.tokenFile}" does not hold a batch token.`);
      return accept({ devicesUrl, caFingerprint, ticket: { kind: 'batch', token } });
    }
    case 'factory': {
      const text = readText(door.certFile);
      if (!text.ok) return text;
      const chain = text.value.match(CERTIFICATES) ?? [];
      const key = openPrivateKeyFile(door.keyFile);
      if (!key.ok) return key;
      if (chain.length === 0) return refuse('factory_certificate_invalid', `"${door.certFile}" holds none.`);
      return accept({ devicesUrl, caFingerprint, ticket: { kind: 'factory', chain, key: key.value } });
    }
    default:
      return door satisfies never;
  }
}

export async function runEnrol(
  config: EnrolConfig,
  say: (text: string) => void,
): Promise<Result<{ device: string; mqttUrl: string }>> {
  const way = readWay(config);
  if (!way.ok) return way;
  const { dataDir, id, hardware, rejoin, wantsNewKey, release, waitMs } = config;
  return enrolAtHub({
    ...way.value,
    dataDir,
    rejoin,
    wantsNewKey,
    waitMs,
    ...(release !== undefined && { release }),
    ...(id !== undefined && { id }),
    ...(hardware !== undefined && { hardware }),
    onPending: (device, enrolment) => say(`"${device}" waits for a person: drover device approve ${enrolment}\n`),
    random: Math.random,
  });
}
