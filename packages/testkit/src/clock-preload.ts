// Loaded into a program with `--import`: moves its system clock by DROVER_CLOCK_OFFSET_MS. The monotonic clock stays.
const offset = Number(process.env['DROVER_CLOCK_OFFSET_MS'] ?? '0');
const RealDate = Date;

class MovedDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...(args as [number]));
  }
  static override now(): number {
    return RealDate.now() + offset;
  }
}

globalThis.Date = MovedDate as DateConstructor;
