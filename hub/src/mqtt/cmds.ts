// Sends one-shot commands and keeps them until the device answered or their time is over. Never waits for an answer.
import { accept, type Result, refuse } from '@drover/core/reasons';
import { encodeMessage } from '@drover/wire/encode';
import { PAYLOAD_BYTES } from '@drover/wire/limits';
import type { Cmd, Stamp } from '@drover/wire/messages';
import { downTopic } from '@drover/wire/topics';
import { commitWithAudit } from '../db/audit.ts';
import { type CmdRow, countOpenCmds, expireCmd, insertCmd, listOpenCmds, listOverdueCmds } from '../db/cmds.ts';
import type { Store } from '../db/store.ts';
import type { Session, Sessions } from './sessions.ts';

export interface CmdSenderDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly stamp: () => Stamp;
  readonly now: () => number;
  readonly newId: () => string;
}

/** Open commands that one device may have. */
export const OPEN_CMDS = 256;
/** The rest expires at the next look. */
const EXPIRED_AT_ONCE = 100;

export interface CmdSender {
  /** Keeps and sends a command; the answer is its id. It is sent again on each hello until it is answered or expires. */
  send(device: string, body: Cmd['body'], ttlMs: number): Promise<Result<string>>;
  /** Sends one without keeping it: lost when the device does not hear it. */
  sendOnce(session: Session, body: Cmd['body'], ttlMs: number): void;
  resend(session: Session): Promise<void>;
  expire(): Promise<void>;
}

export function makeCmdSender({ store, sessions, stamp, now, newId }: CmdSenderDeps): CmdSender {
  const publish = (session: Session, cmd: Cmd): Promise<boolean> =>
    session.connection.publish(downTopic(session.device, 'cmd'), encodeMessage('cmd', cmd, stamp()), 1);

  return {
    async send(device, body, ttlMs) {
      if ((await countOpenCmds(store, device)) >= OPEN_CMDS)
        return refuse('cmd_limit', `Device "${device}" has ${OPEN_CMDS}.`);
      const at = now();
      const cmd: Cmd = { id: newId(), expiresAt: at + ttlMs, body };
      const size = encodeMessage('cmd', cmd, stamp()).length;
      if (size > PAYLOAD_BYTES.cmd) return refuse('wire_too_large', `The command has ${size} bytes.`);
      const row: CmdRow = {
        id: cmd.id,
        device,
        kind: body.kind,
        bodyJson: JSON.stringify(body),
        state: 'open',
        code: null,
        detail: null,
        createdAt: at,
        expiresAt: cmd.expiresAt,
        endedAt: null,
      };
      const done = await store.commit([{ query: insertCmd(row).query }]);
      if (!done.ok) return refuse('device_unknown', `"${device}".`);
      const session = sessions.live(device);
      if (session?.isSubscribed) void publish(session, cmd);
      return accept(cmd.id);
    },
    sendOnce(session, body, ttlMs) {
      void publish(session, { id: newId(), expiresAt: now() + ttlMs, body });
    },
    async resend(session) {
      const open = await listOpenCmds(store, session.device, now(), OPEN_CMDS);
      for (const { id, expiresAt, bodyJson } of open) {
        // Written by `send`, from a checked body.
        if (!(await publish(session, { id, expiresAt, body: JSON.parse(bodyJson) as Cmd['body'] }))) return;
      }
    },
    async expire() {
      const at = now();
      for (const { id, device, kind } of await listOverdueCmds(store, at, EXPIRED_AT_ONCE)) {
        const detail = { command: id, kind, before: { state: 'open' }, after: { state: 'expired' } };
        const entry = { at, actor: 'hub', action: 'cmd.expire', subject: device, detail };
        await commitWithAudit(store, [expireCmd(id, at)], entry);
      }
    },
  };
}
