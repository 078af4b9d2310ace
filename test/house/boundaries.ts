// Judges what dependency-cruiser found in the house and in its canary. Never runs it (tools.ts).
import type { Outcome } from './report.ts';

interface Cruise {
  readonly modules: readonly {
    readonly source: string;
    readonly dependencies: readonly { readonly module: string; readonly resolved: string }[];
  }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string; readonly comment?: string }[] };
  };
}

/** A guard against another shape of report, by which every rule would look kept. */
function readCruise(value: unknown, which: string): Cruise {
  const cruise = value as Partial<Cruise> | null;
  const { modules, summary } = cruise ?? {};
  if (!Array.isArray(modules) || !Array.isArray(summary?.violations) || !Array.isArray(summary.ruleSetUsed?.forbidden))
    throw new Error(`the ${which} report of dependency-cruiser has another form than expected`);
  return { modules, summary };
}

/**
 * Every rule must have been broken by the canary, every source file must have been seen, and imports between packages
 * must have been followed to their files; only then does "no violation" mean something.
 */
export function judgeCruise(input: {
  readonly canary: unknown;
  readonly house: unknown;
  readonly sources: readonly string[];
}): Outcome {
  const canary = readCruise(input.canary, 'canary');
  const house = readCruise(input.house, 'house');
  const problems: string[] = [];

  const rules = house.summary.ruleSetUsed.forbidden;
  const reported = new Set(canary.summary.violations.map((violation) => violation.rule.name));
  for (const rule of rules) {
    if (!reported.has(rule.name))
      problems.push(`the rule ${rule.name} did not report its canary: it would let anything pass`);
    if (!rule.comment) problems.push(`the rule ${rule.name} does not say its reason`);
  }
  if (rules.length === 0) problems.push('there is no rule');

  const seen = new Set(house.modules.map((module) => module.source));
  const unseen = input.sources.filter((name) => !seen.has(name));
  if (unseen.length > 0)
    problems.push(`${unseen.length} source files were not cruised: ${unseen.slice(0, 5).join(', ')}`);

  const between = house.modules
    .flatMap((module) => module.dependencies)
    .filter((one) => one.module.startsWith('@drover/'));
  const lost = between.filter((one) => !/^(packages|agent|hub|firmware-bridge)\//.test(one.resolved));
  if (between.length === 0) problems.push('no import between packages was seen');
  if (lost.length > 0)
    problems.push(`imports were not followed into their package: ${lost[0]?.module} → ${lost[0]?.resolved}`);

  const reasons = new Map(rules.map((rule) => [rule.name, rule.comment ?? '']));
  for (const { from, to, rule } of house.summary.violations)
    problems.push(`${from} → ${to}: ${rule.name} (${reasons.get(rule.name) ?? ''})`);
  return {
    checked: house.modules.length,
    what: `modules against ${rules.length} rules, each proven by its canary`,
    problems,
  };
}
