// Owns the settings about what devices count and how long it is kept. Part of the list in config.ts; decides nothing.
import Type from 'typebox';

export const MONITORING_SETTINGS = {
  windowSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 86_400 }),
    flag: 'window-seconds',
    env: 'DROVER_HUB_WINDOW_SECONDS',
    means: 'Length of a statistics window on the devices.',
  },
  windowDays: {
    schema: Type.Integer({ minimum: 1, maximum: 3650 }),
    flag: 'window-days',
    env: 'DROVER_HUB_WINDOW_DAYS',
    means: 'How many days each window of a device is kept; then it goes into the sum of its day.',
  },
  summaryDays: {
    schema: Type.Integer({ minimum: 1, maximum: 36_500 }),
    flag: 'summary-days',
    env: 'DROVER_HUB_SUMMARY_DAYS',
    means: 'How many days these sums are kept.',
  },
  logDays: {
    schema: Type.Integer({ minimum: 1, maximum: 3650 }),
    flag: 'log-days',
    env: 'DROVER_HUB_LOG_DAYS',
    means: 'How many days the log lines of devices, and what was refused of them, are kept.',
  },
  driftLearnHours: {
    schema: Type.Integer({ minimum: 0, maximum: 8760 }),
    flag: 'drift-learn-hours',
    env: 'DROVER_HUB_DRIFT_LEARN_HOURS',
    means: 'How long a device is watched before its drift is judged; without it 24, with --dev 0.',
  },
} as const;

export const MONITORING_DEFAULTS = {
  windowSeconds: 900,
  windowDays: 30,
  summaryDays: 730,
  logDays: 90,
};
