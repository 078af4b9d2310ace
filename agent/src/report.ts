// Decides when the hub is told how this device stands: after changes, now and then, and during a download. Never decides
// what is true; never sends without a session.
import type { Health, SlotReport, State } from '@drover/wire/messages';
import { type KeeperDeps, makeReportKeeper } from './carry/kept.ts';

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
  /** Keeps how the device stands now as the last word of this process: what is taken down afterwards is no change. */
  seal(): void;
  stop(): void;
}

export interface ReporterDeps {
  readonly bootId: string;
  readonly isConnected: () => boolean;
  readonly generation: () => number;
  readonly slots: () => SlotReport[];
  readonly health: () => Health;
  readonly sendState: (state: State) => void;
  /** Where the newest report is kept, so that it can be carried by hand when no connection ever comes. */
  readonly kept: KeeperDeps;
}

const CHANGE_MS = 50;
const PROGRESS_MS = 5000;
const HEARTBEAT_MS = 60_000;

export function makeReporter(deps: ReporterDeps): Reporter {
  let revision = 0;
  let desiredRefusal: State['desiredRefusal'];
  let change: NodeJS.Timeout | undefined;
  let progress: NodeJS.Timeout | undefined;

  let isSealed = false;
  const keep = makeReportKeeper(deps.kept);

  function next(): State {
    revision += 1;
    return {
      bootId: deps.bootId,
      revision,
      generation: deps.generation(),
      slots: deps.slots(),
      health: deps.health(),
      ...(desiredRefusal && { desiredRefusal }),
    };
  }

  function send(): void {
    clearTimeout(change);
    change = undefined;
    if (deps.isConnected()) deps.sendState(next());
  }

  /** After a change the report is kept too; the beat in between is not worth a write to a flash disk. */
  function sendChange(): void {
    clearTimeout(change);
    change = undefined;
    const state = next();
    if (!isSealed) keep(state);
    if (deps.isConnected()) deps.sendState(state);
  }
  const heartbeat = setInterval(send, HEARTBEAT_MS);
  // The first one: an agent that never has a connection leaves word of itself too.
  change = setTimeout(sendChange, CHANGE_MS);

  return {
    send,
    changed() {
      change ??= setTimeout(sendChange, CHANGE_MS);
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
    seal() {
      sendChange();
      isSealed = true;
    },
    stop() {
      clearTimeout(change);
      clearTimeout(progress);
      clearInterval(heartbeat);
    },
  };
}
