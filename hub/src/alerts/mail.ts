// Sends one event as a mail to people. Never retries, never reads a file or an address that an event names.
import { createTransport } from 'nodemailer';
import type { CloudEvent } from './cloud-event.ts';
import type { Channel } from './sender.ts';

export interface MailOptions {
  /** `smtp://user@host:587` (STARTTLS, which must be there unless the host is this machine) or `smtps://user@host:465`. */
  readonly server: string;
  readonly password: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
}

const TIMEOUT_MS = 15_000;
const SUBJECT_CHARS = 200;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

interface Told {
  readonly title?: string;
  readonly severity?: string;
  readonly message?: string;
}

/** One line, whatever a device or a feature is called. */
const oneLine = (text: string): string => text.replaceAll(/[\r\n\t\0]+/g, ' ').slice(0, SUBJECT_CHARS);

function describe(event: CloudEvent): { readonly subject: string; readonly text: string } {
  const data = event.data as Told;
  const kind = event.type.split('.').at(-2) ?? 'test';
  const about = data.title === undefined ? (data.message ?? '') : `${data.severity ?? ''}: ${data.title}`;
  const lines = Object.entries(data).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const next =
    event.subject === undefined
      ? ''
      : `\nLook: drover alerts show ${event.subject}\nTake it on: drover alerts ack ${event.subject}\n`;
  return { subject: oneLine(`[drover] ${kind} ${about}`), text: `${about}\n\n${lines.join('\n')}\n${next}` };
}

export function openMail({ server, password, from, to }: MailOptions): Channel {
  const { hostname, port, protocol, username } = new URL(server);
  const secure = protocol === 'smtps:';
  const user = decodeURIComponent(username);
  const transport = createTransport({
    host: hostname.replaceAll(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !secure && !LOOPBACK.has(hostname),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(user === '' ? {} : { auth: { user, pass: password ?? '' } }),
  });
  return async ({ id, bodyJson }) => {
    const { subject, text } = describe(JSON.parse(bodyJson) as CloudEvent);
    try {
      // The same id when it is sent again: mail programs show it once.
      await transport.sendMail({ from, to: [...to], subject, text, messageId: `<${id}@drover>` });
      return { error: undefined };
    } catch (error) {
      return { error: oneLine(error instanceof Error ? error.message : String(error)) };
    }
  };
}
