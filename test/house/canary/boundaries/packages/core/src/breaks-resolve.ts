// Canary: the rule not-unresolvable must report this import.
export * from '@drover/absent/nothing';
