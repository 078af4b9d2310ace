// Starts what watches the fleet and tells people: the channels that are configured, the book, the clockwork. Composition only.
import { accept, type Result, refuse } from '@drover/core/reasons';
import type { Logger } from 'pino';
import type { HubConfig } from '../config.ts';
import { readSecretFile } from '../data-folder.ts';
import type { Store } from '../db/store.ts';
import type { Monitoring } from '../monitoring/open-monitoring.ts';
import { openAlertBook } from './book.ts';
import { type AlertDesk, openDesk } from './desk.ts';
import { openMail } from './mail.ts';
import { type Channel, startSender } from './sender.ts';
import { openWebhook } from './webhook.ts';

export interface AlertingDeps {
  readonly store: Store;
  readonly monitoring: Pick<Monitoring, 'readDrift' | 'readFacts' | 'watch'>;
  readonly config: HubConfig;
  readonly hubId: string;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

export interface Alerting {
  readonly desk: AlertDesk;
  close(): Promise<void>;
}

/** Windows that a device may owe before its verdicts say nothing of now, and at least an hour. */
const STALE_WINDOWS = 4;
const LEAST_STALE_MS = 3_600_000;

/** The channel of mails; none where nobody is named. */
function openMailOf({ smtp, smtpPasswordFile, alertMailFrom, alertMailTo }: HubConfig): Result<readonly Channel[]> {
  if (alertMailTo.length === 0) return accept([]);
  if (smtp === undefined || alertMailFrom === undefined)
    return refuse('config_invalid', 'Mails (--alert-mail-to) need a server (--smtp) and a sender (--alert-mail-from).');
  const password = smtpPasswordFile === undefined ? accept(undefined) : readSecretFile(smtpPasswordFile);
  if (!password.ok) return password;
  return accept([openMail({ server: smtp, password: password.value, from: alertMailFrom, to: alertMailTo })]);
}

export async function startAlerting(deps: AlertingDeps): Promise<Result<Alerting>> {
  const { store, monitoring, config, hubId, now, newId, log } = deps;
  const { alertWebhooks, alertSecretFile, alertSeconds, windowSeconds } = config;
  const secret = alertSecretFile === undefined ? accept(undefined) : readSecretFile(alertSecretFile);
  if (!secret.ok) return secret;
  const key = secret.value === undefined ? undefined : Buffer.from(secret.value);
  const mail = openMailOf(config);
  if (!mail.ok) return mail;
  const channels: readonly Channel[] = [
    ...alertWebhooks.map((url) => openWebhook({ url, secret: key, now })),
    ...mail.value,
  ];
  const sender = startSender({ store, channels, now, random: Math.random, log });
  const tiers = channels.length;
  const wake = (): void => sender.wake();
  const book = await openAlertBook({
    store,
    readDrift: monitoring.readDrift,
    readFacts: monitoring.readFacts,
    watch: monitoring.watch,
    now,
    staleMs: Math.max(LEAST_STALE_MS, STALE_WINDOWS * windowSeconds * 1000),
    hubId,
    newId,
    log,
    tiers,
    wake,
  });
  let looking: Promise<void> | undefined;
  const look = (): void => {
    // A look that takes longer than the interval is not overtaken by the next.
    looking ??= book
      .look()
      .catch((error: unknown) => log.error({ err: error }, 'the fleet was not looked at for alerts'))
      .finally(() => {
        looking = undefined;
      });
  };
  const timer = setInterval(look, alertSeconds * 1000);
  wake();
  return accept({
    desk: openDesk({ store, book, now, newId, tiers, wake }),
    async close() {
      clearInterval(timer);
      await looking;
      await sender.stop();
    },
  });
}
