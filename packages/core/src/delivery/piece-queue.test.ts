import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PieceQueue } from './piece-queue.ts';

const SIZES = { chunkBytes: 256, pieceBytes: 32 };
const SPAN = 6;

/** A device that tells of at most SPAN chunks, as the wire does. */
class Device {
  readonly pieces: number[];
  constructor(queue: PieceQueue) {
    this.pieces = Array.from({ length: queue.chunks }, (_, i) => (1 << Math.ceil(queue.bytesOf(i) / 32)) - 1);
  }
  get isDone(): boolean {
    return this.pieces.every((mask) => mask === 0);
  }
  take(index: number, piece: number | undefined): void {
    this.pieces[index] = piece === undefined ? 0 : (this.pieces[index] ?? 0) & ~(1 << piece);
  }
  say(request: number) {
    const found = this.pieces.findIndex((mask) => mask !== 0);
    const first = found < 0 ? this.pieces.length : found;
    return { first, request, bitmap: Uint8Array.from(found < 0 ? [0] : this.pieces.slice(first, first + SPAN)) };
  }
}

describe('piece queue', () => {
  it('brings everything through loss, sends nothing twice that may still come, and accounts for each byte', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 256 * 20 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 5, maxLength: 30 }),
        fc.integer({ min: 32, max: 2000 }),
        (size, fate, window) => {
          fc.pre(fate.some((luck) => luck > 1));
          const queue = new PieceQueue(size, SIZES);
          const device = new Device(queue);
          let n = 0;
          let request = 0;
          let flying = 0;
          queue.report(device.say(request));
          for (let round = 0; !device.isDone; round++) {
            expect(round).toBeLessThan(5000);
            const sent: { index: number; piece: number | undefined }[] = [];
            for (let unit = queue.next(window - flying, window); unit; unit = queue.next(window - flying, window)) {
              expect(unit.bytes).toBeGreaterThan(0);
              expect(sent).not.toContainEqual(unit);
              sent.push(unit);
              flying += unit.bytes;
              expect(flying).toBeLessThanOrEqual(window);
            }
            const luck = fate[n++ % fate.length] ?? 0;
            // Nothing more comes of a round that was lost: the device stops waiting.
            if (luck > 1) for (const { index, piece } of sent) device.take(index, piece);
            else request += 1;
            const { arrived, lost } = queue.report(device.say(request));
            flying -= arrived + lost;
            expect(flying).toBeGreaterThanOrEqual(0);
          }
          expect(queue.report(device.say(request))).toEqual({ arrived: flying, lost: 0 });
          expect(queue.isDone).toBe(true);
          expect(queue.next(window, window)).toBeUndefined();
        },
      ),
    );
  });

  it('sends whole chunks where the window is wide, and pieces where it is not', () => {
    const queue = new PieceQueue(3 * 256, SIZES);
    queue.report({ first: 0, bitmap: Uint8Array.of(255, 255, 255), request: 1 });
    expect(queue.next(1000, 1000)).toEqual({ index: 0, piece: undefined, bytes: 256 });
    expect(queue.next(1000, 100)).toEqual({ index: 1, piece: 0, bytes: 32 });
    expect(queue.next(1000, 1000)).toEqual({ index: 1, piece: 1, bytes: 32 });
    expect(queue.next(10, 100)).toBeUndefined();
  });

  it('takes for lost what was sent before something that came', () => {
    const queue = new PieceQueue(4 * 256, SIZES);
    queue.report({ first: 0, bitmap: Uint8Array.of(255, 255, 255, 255), request: 1 });
    for (let i = 0; i < 3; i++) queue.next(1000, 1000);
    expect(queue.report({ first: 0, bitmap: Uint8Array.of(255, 0, 255, 255), request: 1 })).toEqual({
      arrived: 256,
      lost: 256,
    });
    expect(queue.next(1000, 1000)).toMatchObject({ index: 0 });
    expect(queue.next(1000, 1000)).toMatchObject({ index: 3 });
    expect(queue.next(1000, 1000)).toBeUndefined();
  });

  it('says which chunks may come beside others: those of which nothing is on the way', () => {
    const queue = new PieceQueue(4 * 256, SIZES);
    const device = new Device(queue);
    device.take(1, undefined);
    queue.report(device.say(1));
    // Chunk 0 whole and a piece of chunk 2 go to it alone.
    expect(queue.next(256, 2000)).toMatchObject({ index: 0, piece: undefined });
    expect(queue.next(32, 64)).toMatchObject({ index: 2, piece: 0 });
    expect([0, 1, 2, 3].map((index) => queue.wants(index))).toEqual([false, false, false, true]);
    queue.sendBeside(3);
    expect(queue.wants(3)).toBe(false);
    expect(queue.report({ ...device.say(1), request: 2 })).toEqual({ arrived: 0, lost: 256 + 32 + 256 });
    expect([0, 1, 2, 3].map((index) => queue.wants(index))).toEqual([true, false, true, true]);
  });
});
