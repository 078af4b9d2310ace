// Decides which rows train and which agent plays which of the others. Pure: every row has exactly one place.

export interface DealInput {
  readonly rows: number;
  /** Row numbers in the order of time. */
  readonly order: ArrayLike<number>;
  /** Device number per row, or undefined when the file names no devices. */
  readonly devices: Int32Array | undefined;
  /** Share of rows (or of whole devices) that trains, above 0 and below 1. */
  readonly trainShare: number;
  /** Agents wanted; with devices there are never more agents than devices left to play. */
  readonly agents: number;
}

export interface Deal {
  /** Rows that train, in the order of time. */
  readonly train: Int32Array;
  /** By agent: its rows in the order in which it plays them. With devices, one device after the other. */
  readonly shares: readonly Int32Array[];
  /** By agent: the device numbers it plays; empty lists without devices. */
  readonly devicesOf: readonly (readonly number[])[];
  readonly trainedDevices: readonly number[];
}

/**
 * Without devices the first `trainShare` of the rows in time trains and the others go round-robin. With devices the first
 * `trainShare` of the devices in order of appearance train whole; each other device goes whole to the agent that has the
 * fewest rows so far, largest device first.
 */
export function dealRows(input: DealInput): Deal {
  return input.devices ? dealDevices(input, input.devices) : dealRoundRobin(input);
}

const splitAt = (count: number, share: number): number => Math.min(count - 1, Math.max(1, Math.round(count * share)));

function dealRoundRobin({ rows, order, trainShare, agents }: DealInput): Deal {
  const cut = splitAt(rows, trainShare);
  const played = rows - cut;
  const count = Math.max(1, Math.min(agents, played));
  const shares = Array.from({ length: count }, (_, agent) =>
    Int32Array.from({ length: Math.ceil((played - agent) / count) }, (__, i) => order[cut + agent + i * count] ?? -1),
  );
  return {
    train: Int32Array.from({ length: cut }, (_, i) => order[i] ?? -1),
    shares,
    devicesOf: shares.map(() => []),
    trainedDevices: [],
  };
}

function dealDevices({ order, rows, trainShare, agents }: DealInput, devices: Int32Array): Deal {
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < rows; i++) {
    const row = order[i] ?? -1;
    const device = devices[row] ?? -1;
    const list = rowsOf.get(device);
    if (list) list.push(row);
    else rowsOf.set(device, [row]);
  }
  const appeared = [...rowsOf.keys()];
  const cut = splitAt(appeared.length, trainShare);
  const trained = new Set(appeared.slice(0, cut));
  const rest = appeared.slice(cut).map((device, place) => ({ device, place, rows: rowsOf.get(device) ?? [] }));
  const count = Math.max(1, Math.min(agents, rest.length));
  const hands = Array.from({ length: count }, () => ({
    devices: [] as { device: number; place: number; rows: number[] }[],
    rows: 0,
  }));
  for (const one of [...rest].sort((a, b) => b.rows.length - a.rows.length || a.place - b.place)) {
    const hand = hands.reduce((least, h) => (h.rows < least.rows ? h : least));
    hand.devices.push(one);
    hand.rows += one.rows.length;
  }
  for (const hand of hands) hand.devices.sort((a, b) => a.place - b.place);
  return {
    train: Int32Array.from(order).filter((row) => trained.has(devices[row] ?? -1)),
    shares: hands.map((hand) => Int32Array.from(hand.devices.flatMap((d) => d.rows))),
    devicesOf: hands.map((hand) => hand.devices.map((d) => d.device)),
    trainedDevices: [...trained],
  };
}

/** 1 for the last `within` rows of each device in the order of time, else 0. */
export function deriveEndLabel(order: ArrayLike<number>, devices: Int32Array, within: number): Float64Array {
  const label = new Float64Array(devices.length);
  const behind = new Map<number, number>();
  for (let i = order.length - 1; i >= 0; i--) {
    const row = order[i] ?? 0;
    const device = devices[row] ?? -1;
    const seen = behind.get(device) ?? 0;
    behind.set(device, seen + 1);
    if (seen < within) label[row] = 1;
  }
  return label;
}
