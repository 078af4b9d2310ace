// Carries out the hub's one-shot commands and answers each through the outbox. Never changes what the device runs.
import type { Cmd } from '@drover/wire/messages';
import type { Clock } from './clock.ts';
import type { Fetcher } from './link/download.ts';
import type { LabelBook } from './observe/labels.ts';
import type { Reporter } from './report.ts';
import type { Outbox } from './store/outbox.ts';

export interface CommandDeps {
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, 'append'>;
  readonly labels: LabelBook;
  readonly fetcher: Fetcher;
  readonly reporter: Reporter;
}

/** A command may come again after a reconnect: each of them may be repeated without harm. */
export function makeCommandRunner({ clock, outbox, labels, fetcher, reporter }: CommandDeps): (cmd: Cmd) => void {
  function answer({ id }: Cmd, result: { code?: string; detail?: string }): void {
    const body = { kind: 'cmdResult' as const, cmdId: id, ok: result.code === undefined, ...result };
    outbox.append({ subject: '', at: clock.now(), body });
  }

  return (cmd) => {
    const { body } = cmd;
    // It answers a request of this connection and is not kept by the hub.
    if (body.kind === 'chunkRefused') return fetcher.onRefused(body.digest, body.code, body.detail);
    if (cmd.expiresAt <= clock.now()) return answer(cmd, { code: 'cmd_expired' });
    switch (body.kind) {
      case 'requestState':
        reporter.send();
        return answer(cmd, {});
      case 'pushLabels': {
        const joined = body.labels.filter(({ predictionId, truth }) => !labels.join(predictionId, truth)).length;
        return answer(cmd, { detail: `${joined} of ${body.labels.length} labels joined.` });
      }
      default:
        return body satisfies never;
    }
  };
}
