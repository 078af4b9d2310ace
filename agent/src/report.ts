// Decides when the hub is told how this device stands: after changes, now and then, and during a download. Never decides
// what is true; never sends without a session.
import type { Health, SlotReport, State } from '@drover/wire/messages';

export interface Reporter {
  /** Something changed; changes that come together travel together. */
  changed(): void;
  /** Bytes of a download arrived: the hub's deadline starts again with each report. */
  progressed(): void;
  /** At once. */
  send(): void;
  /** Why the last desired document was refused; undefined when it was taken. */
  setRefusal(refusal: State['desiredRefusal']): void;
  refusal(): State['desiredRefusal'];
  stop(): void;
}

export interface ReporterDeps {
  readonly bootId: string;
  readonly isConnected: () => boolean;
  readonly generation: () => number;
  readonly slots: () => SlotReport[];
  readonly health: () => Health;
  readonly sendState: (state: State) => void;
}

const CHANGE_MS = 50;
const PROGRESS_MS = 5000;
const HEARTBEAT_MS = 60_000;

export function makeReporter(deps: ReporterDeps): Reporter {
  let revision = 0;
  let desiredRefusal: State['desiredRefusal'];
  let change: NodeJS.Timeout | undefined;
  let progress: NodeJS.Timeout | undefined;

  function send(): void {
    clearTimeout(change);
    change = undefined;
    if (!deps.isConnected()) return;
    revision += 1;
    deps.sendState({
      bootId: deps.bootId,
      revision,
      generation: deps.generation(),
      slots: deps.slots(),
      health: deps.health(),
      ...(desiredRefusal && { desiredRefusal }),
    });
  }
  const heartbeat = setInterval(send, HEARTBEAT_MS);

  return {
    send,
    changed() {
      change ??= setTimeout(send, CHANGE_MS);
    },
    progressed() {
      progress ??= setTimeout(() => {
        progress = undefined;
        send();
      }, PROGRESS_MS);
    },
    setRefusal(refusal) {
      desiredRefusal = refusal;
    },
    refusal: () => desiredRefusal,
    stop() {
      clearTimeout(change);
      clearTimeout(progress);
      clearInterval(heartbeat);
    },
  };
}
