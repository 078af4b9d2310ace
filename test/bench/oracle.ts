// Sets special functions and tests from counts beside SciPy's over grids of arguments, where Debian's python3-scipy is. Never asserts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { poissonInterval } from '@drover/core/drift/calibrate';
import { openStream } from '@drover/sim/random';
import { chiSquareTest, kolmogorovTest, rateTest, shiftBetween, stabilityIndex } from '@drover/sketch/count-tests';
import * as special from '@drover/sketch/special';
import { runPython } from './python.ts';
import { type BenchReport, type BenchRow, below } from './report.ts';

interface Case {
  readonly name: string;
  readonly args: readonly (number | readonly number[])[];
  readonly value: number;
}

/** SciPy's answer to each case, and the largest error by name: relative for what may be tiny, absolute where the answer passes 0. */
const SCRIPT = `
import json, sys
import numpy as np
from scipy import special as sp, stats, integrate
def chi2(c, r): return stats.chi2_contingency(np.array([c, r]), correction=False)[:2]
def samples(c): return np.repeat(np.arange(len(c)), np.array(c, dtype=int))
def psi(c, r):
    p = (np.array(c) + .5) / (sum(c) + len(c) / 2); q = (np.array(r) + .5) / (sum(r) + len(r) / 2)
    return stats.entropy(p, q) + stats.entropy(q, p)
def shift(c, r, cuts):
    f = np.cumsum(c)[:-1] / sum(c); g = np.cumsum(r)[:-1] / sum(r)
    x = np.linspace(cuts[0], cuts[-1], 200001)
    return integrate.trapezoid(np.interp(x, cuts, g) - np.interp(x, cuts, f), x)
of = {
  'lnGamma': sp.gammaln, 'gammaQ': sp.gammaincc, 'gammaP': sp.gammainc, 'betaI': sp.betainc,
  'normalSf': stats.norm.sf, 'normalQuantile': stats.norm.ppf, 'chiSquareSf': stats.chi2.sf, 'studentCdf': stats.t.cdf,
  'kolmogorovSf': sp.kolmogorov, 'binomialSf': lambda k, n, p: stats.binom.sf(k - 1, n, p),
  'hypergeometricSf': lambda k, a, m, d: stats.hypergeom.sf(k - 1, a, m, d),
  'poissonLow': lambda k: stats.chi2.ppf(.025, 2 * k) / 2, 'poissonHigh': lambda k: stats.chi2.ppf(.975, 2 * k + 2) / 2,
  'chiSquareTest': lambda c, r: chi2(c, r)[0], 'chiSquareTest p': lambda c, r: chi2(c, r)[1],
  'kolmogorovTest': lambda c, r: stats.ks_2samp(samples(c), samples(r), method='asymp')[0],
  'stabilityIndex': psi, 'shiftBetween signed': shift,
  'rateTest p': lambda k, n, l, m: stats.fisher_exact([[k, n - k], [l, m - l]])[1],
}
absolute = {'lnGamma', 'normalQuantile', 'shiftBetween signed', 'rateTest p', 'stabilityIndex'}
worst = {}
for case in json.load(open(sys.argv[1])):
    name, value = case['name'], case['value']
    theirs = float(of[name](*case['args']))
    error = abs(value - theirs)
    if name not in absolute: error /= max(abs(theirs), 1e-300)
    elif name == 'lnGamma': error /= max(1, abs(theirs))
    worst[name] = max(worst.get(name, 0), error)
print(json.dumps(worst))
`;

const grid = (from: number, to: number, steps: number): number[] =>
  Array.from({ length: steps }, (_, i) => from * (to / from) ** (i / (steps - 1)));

function listCases(): Case[] {
  const cases: Case[] = [];
  const put = (name: string, args: Case['args'], value: number): void => void cases.push({ name, args, value });
  for (const x of grid(0.01, 1e6, 60)) put('lnGamma', [x], special.lnGamma(x));
  for (const a of grid(0.05, 500, 14))
    for (const ratio of grid(0.05, 4, 16)) {
      const [q, p] = [special.gammaQ(a, a * ratio), special.gammaP(a, a * ratio)];
      // Below this both programs print rounding.
      if (q > 1e-250) put('gammaQ', [a, a * ratio], q);
      if (p > 1e-250) put('gammaP', [a, a * ratio], p);
    }
  for (const a of grid(0.2, 400, 10))
    for (const b of grid(0.2, 400, 10))
      for (const x of [0.001, 0.05, 0.3, 0.5, 0.8, 0.99]) {
        const value = special.betaI(a, b, x);
        if (value > 1e-250) put('betaI', [a, b, x], value);
      }
  for (let z = -8; z <= 30; z += 0.5) put('normalSf', [z], special.normalSf(z));
  for (const p of [...grid(1e-12, 0.5, 40), 0.9, 0.99, 0.999_999])
    put('normalQuantile', [p], special.normalQuantile(p));
  for (const df of [1, 2, 5, 10, 63, 200])
    for (const x of grid(0.1, 500, 20)) put('chiSquareSf', [x, df], special.chiSquareSf(x, df));
  for (const df of [1, 2.5, 10, 30, 100])
    for (let t = -12; t <= 12; t++) put('studentCdf', [t, df], special.studentCdf(t, df));
  for (const x of grid(0.2, 5, 40)) put('kolmogorovSf', [x], special.kolmogorovSf(x));
  for (const n of [5, 50, 2000])
    for (const p of [0.001, 0.1, 0.5, 0.97])
      for (const share of [0, 0.02, 0.1, 0.5, 0.9]) {
        const k = Math.round(share * n);
        put('binomialSf', [k, n, p], special.binomialSf(k, n, p));
      }
  for (const [all, marked, drawn] of [[20, 3, 5], [500, 40, 25], [10_000, 300, 120]] as const)
    for (let k = 0; k <= Math.min(marked, drawn, 12); k++)
      put('hypergeometricSf', [k, all, marked, drawn], special.hypergeometricSf(k, all, marked, drawn)); // biome-ignore format: one table
  for (const count of [1, 2, 5, 20, 100, 1000]) put('poissonLow', [count], poissonInterval(count)[0]);
  for (const count of [0, 1, 2, 5, 20, 100, 1000]) put('poissonHigh', [count], poissonInterval(count)[1]);

  const random = openStream(5, 'oracle');
  for (let run = 0; run < 40; run++) {
    const bins = 3 + Math.floor(40 * random.uniform());
    // At least five expected in each bin: nothing is pooled.
    const [c, r] = [10, 100].map((least) =>
      Array.from({ length: bins }, () => least + Math.floor(least * 2 * random.uniform())),
    ) as [number[], number[]];
    const cuts = Array.from({ length: bins - 1 }, (_, i) => i + 0.5 * random.uniform());
    const chi = chiSquareTest(c, r);
    put('chiSquareTest', [c, r], chi.statistic);
    put('chiSquareTest p', [c, r], chi.p);
    put('kolmogorovTest', [c, r], kolmogorovTest(c, r).statistic);
    put('stabilityIndex', [c, r], stabilityIndex(c, r).psi);
    put('shiftBetween signed', [c, r, cuts], shiftBetween(c, r, cuts, 1).signed);
    const [n, m] = [200 + run, 4000];
    const [k, l] = [Math.floor(0.2 * n * random.uniform()), Math.floor(0.2 * m * random.uniform())];
    put('rateTest p', [k, n, l, m], rateTest(k, n, l, m).p);
  }
  return cases;
}

/** What is an approximation of another test, and not the same number. */
const APPROXIMATE: Readonly<Record<string, string>> = {
  'rateTest p': "beside Fisher's exact test, which errs to the safe side",
};

export async function bench(): Promise<BenchReport> {
  const title = 'Special functions and tests from counts beside SciPy: the largest error over a grid';
  const cases = listCases();
  const dir = mkdtempSync(path.join(tmpdir(), 'drover-oracle-'));
  try {
    const file = path.join(dir, 'cases.json');
    writeFileSync(file, JSON.stringify(cases));
    const worst = await runPython(SCRIPT, [file]);
    if (worst === undefined) return { title, rows: [], notes: ['Not run: install the Debian package python3-scipy.'] };
    const rows = Object.entries(worst).map(([name, error]): BenchRow => {
      const note = APPROXIMATE[name];
      const many = cases.filter((one) => one.name === name).length;
      if (note !== undefined) return { name: `${name}, ${many} cases`, value: error, unit: '', note };
      return {
        name: `${name}, ${many} cases`,
        value: error,
        unit: '',
        budget: below(name === 'shiftBetween signed' ? 1e-4 : 1e-9),
      };
    });
    return {
      title,
      rows,
      notes: [
        'Relative errors; absolute for lnGamma (below 1), normalQuantile, stabilityIndex, shiftBetween and rateTest. shiftBetween is set beside a numerical integral.',
      ],
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
