// Carries out the hub's one-shot commands and answers each through the outbox. Never changes what the device runs.
import type { Cmd } from '@drover/wire/messages';
import type { Clock } from './clock.ts';
import type { MqttFetch } from './fetch/mqtt.ts';
import type { Fetcher } from './link/download.ts';
import type { LabelBook } from './observe/labels.ts';
import type { Reporter } from './report.ts';
import type { Outbox } from './store/outbox.ts';

export interface CommandDeps {
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, 'append'>;
  readonly labels: LabelBook;
  readonly fetcher: Fetcher;
  readonly mqttFetch: MqttFetch;
  readonly reporter: Reporter;
}

const KEPT = ['requestState', 'pushLabels'] as const;
/** Whether the hub keeps the command until it is answered. A wrong clock must not stop a download. */
const isKept = (body: Cmd['body']): boolean => KEPT.some((kind) => kind === body.kind);

/** A command may come again after a reconnect: each of them may be repeated without harm. */
export function makeCommandRunner({
  clock,
  outbox,
  labels,
  fetcher,
  mqttFetch,
  reporter,
}: CommandDeps): (cmd: Cmd) => void {
  function answer({ id }: Cmd, result: { code?: string; detail?: string }): void {
    const body = { kind: 'cmdResult' as const, cmdId: id, ok: result.code === undefined, ...result };
    outbox.append({ subject: '', at: clock.now(), body });
  }

  return (cmd) => {
    const { body } = cmd;
    if (isKept(body) && cmd.expiresAt <= clock.now()) return answer(cmd, { code: 'cmd_expired' });
    switch (body.kind) {
      // These are about what this connection asked for: the hub does not keep them and waits for no answer.
      case 'chunkRefused':
        return mqttFetch.onRefused(body.digest, body.code, body.detail);
      case 'chunkBusy':
        return mqttFetch.onBusy(body.digest, body.retryAfterMs);
      case 'listen':
        return mqttFetch.onListen(body.digest);
      case 'unlisten':
        return mqttFetch.onUnlisten(body.digest);
      case 'offer':
        return fetcher.addOffer(body);
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
