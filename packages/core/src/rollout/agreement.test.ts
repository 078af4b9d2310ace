// Proves that shadows pass and stop as often as a plan says, over devices that differ. Never reads a window.
import { splitMix } from '@drover/sketch/split-mix';
import { describe, expect, it } from 'vitest';
import { type DeviceAgreement, judgeAgreement } from './agreement.ts';

const gate = { min: 0.9, alpha: 0.05, minDevices: 3, minCompared: 100 };
const fleet = (...agreed: number[]): DeviceAgreement[] =>
  agreed.map((n, i) => ({ device: `d${i}`, compared: 1000, agreed: n, skipped: 0, gap: 0 }));

describe('agreement of shadows', () => {
  it('needs devices and rows', () => {
    expect(judgeAgreement(gate, [])).toMatchObject({ verdict: 'not_enough_evidence' });
    expect(judgeAgreement(gate, fleet(1000, 1000)).because).toBe(
      '2 shadows were compared on 100 rows or more; 3 are needed.',
    );
    const short = fleet(1000, 1000, 1000).map((one) => ({ ...one, compared: 99, agreed: 99 }));
    expect(judgeAgreement(gate, short)).toMatchObject({ verdict: 'not_enough_evidence' });
  });

  it('passes, stops, and says when it cannot tell', () => {
    expect(judgeAgreement(gate, fleet(990, 985, 995))).toMatchObject({ verdict: 'pass' });
    expect(judgeAgreement(gate, fleet(500, 520, 510))).toMatchObject({ verdict: 'fail' });
    // On average enough, and one device far from it: three devices do not tell.
    expect(judgeAgreement(gate, fleet(1000, 1000, 720))).toMatchObject({ verdict: 'inconclusive' });
    // Rows alone are not certainty: 100 of 100 three times may be 98.4 %.
    expect(
      judgeAgreement(
        { ...gate, min: 0.995 },
        fleet(1000, 1000, 1000).map((d) => ({ ...d, compared: 100, agreed: 100 })),
      ),
    ).toMatchObject({ verdict: 'inconclusive' });
  });

  it('lets a shadow pass that agrees as little as is asked for about as often as alpha, and stops it as often', () => {
    let drawn = 0;
    const random = (): number => (splitMix(7, drawn++) >>> 0) / 2 ** 32;
    const runs = 2000;
    let [passed, stopped] = [0, 0];
    for (let run = 0; run < runs; run++) {
      // Devices differ by a few points around the limit.
      const devices = Array.from({ length: 6 }, (_, i) => {
        const share = 0.9 + 0.08 * (random() - 0.5);
        let agreed = 0;
        for (let row = 0; row < 200; row++) agreed += Number(random() < share);
        return { device: `d${i}`, compared: 200, agreed, skipped: 0, gap: 0 };
      });
      const { verdict } = judgeAgreement(gate, devices);
      passed += Number(verdict === 'pass');
      stopped += Number(verdict === 'fail');
    }
    expect(passed / runs).toBeLessThan(0.07);
    expect(stopped / runs).toBeLessThan(0.07);
    expect(passed / runs).toBeGreaterThan(0.02);
  });
});
