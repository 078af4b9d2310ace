// Checks mails against a real server of the test that speaks SMTP (RFC 5321) as far as one mail needs it.

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { NoticesTable } from '../db/schema-alerts.ts';
import { incidentEvent } from './cloud-event.ts';
import { openMail } from './mail.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Takes mails, or refuses their recipients. */
async function startSmtp(takes: boolean): Promise<{ url: string; mails: string[]; commands: string[] }> {
  const mails: string[] = [];
  const commands: string[] = [];
  const server = createServer((socket) => {
    let text = '';
    let isData = false;
    socket.setEncoding('utf8').write('220 test\r\n');
    socket.on('error', () => undefined);
    socket.on('data', (part: string) => {
      text += part;
      for (;;) {
        const end = isData ? text.indexOf('\r\n.\r\n') : text.indexOf('\r\n');
        if (end < 0) return;
        const taken = text.slice(0, end);
        text = text.slice(end + (isData ? 5 : 2));
        if (isData) {
          mails.push(taken);
          isData = false;
          socket.write('250 taken\r\n');
          continue;
        }
        commands.push(taken);
        const verb = taken.slice(0, 4).toUpperCase();
        if (verb === 'DATA') isData = true;
        socket.write(
          verb === 'DATA'
            ? '354 go on\r\n'
            : verb === 'RCPT' && !takes
              ? '550 nobody here\r\n'
              : verb === 'QUIT'
                ? '221 bye\r\n'
                : '250 ok\r\n',
        );
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { mails, commands, url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const incident = {
  id: 'e'.repeat(32), rule: 'drift', group: '', severity: 'warning', state: 'open', openedAt: 0, resolvedAt: null, acknowledgedAt: null, acknowledgedBy: null,
  devices: 2, most: 2, known: 0, cause: { kind: 'devices', label: undefined, moved: 2, judged: 9 }, title: 'load moved\r\nBcc: eve@evil.example',
  feedback: null, told: 1, reached: 1, toldAt: 0,
} as const; // biome-ignore format: one record
const notice = (kind: NoticesTable['kind']): NoticesTable => ({
  id: '1'.repeat(32), incident: null, kind, tier: 0, state: 'queued', attempts: 0, nextAt: 0, error: null, createdAt: 0,
  bodyJson: JSON.stringify(incidentEvent('1'.repeat(32), 'f'.repeat(32), kind, kind === 'test' ? undefined : incident, 0)),
}); // biome-ignore format: one record
const never = new AbortController().signal;

describe('a mail', () => {
  it('says what happens, what to type, and has the same id when it is sent again', async () => {
    const { url, mails, commands } = await startSmtp(true);
    const mail = openMail({
      server: url,
      password: undefined,
      from: 'hub@plant.example',
      to: ['ada@plant.example', 'bob@plant.example'],
    });
    expect(await mail(notice('opened'), never)).toEqual({ error: undefined });
    expect(await mail(notice('opened'), never)).toEqual({ error: undefined });
    expect(mails).toHaveLength(2);
    for (const one of mails) {
      expect(one).toContain(`Message-ID: <${'1'.repeat(32)}@drover>`);
      expect(one).toMatch(/^Subject: \[drover\] opened warning: load moved Bcc: eve@evil\.example/m);
      expect(one).toContain(`drover alerts ack ${'e'.repeat(32)}`);
    }
    // What a feature is called is no header and no recipient.
    expect(mails[0]?.split('\r\n\r\n')[0]).not.toMatch(/^bcc:/im);
    expect(commands.filter((line) => line.startsWith('RCPT')).slice(0, 2)).toEqual([
      'RCPT TO:<ada@plant.example>',
      'RCPT TO:<bob@plant.example>',
    ]);
  });

  it('that is not taken says why', async () => {
    const { url } = await startSmtp(false);
    const mail = openMail({ server: url, password: undefined, from: 'hub@plant.example', to: ['ada@plant.example'] });
    expect((await mail(notice('test'), never)).error).toContain('550');
    const [server] = servers.splice(0) as [Server];
    await new Promise((resolve) => server.close(resolve));
    expect((await mail(notice('test'), never)).error).toMatch(/ECONNREFUSED/);
  });
});
