// Owns the words of alert rules and the rules that a hub begins with. Never evaluates one.
import type { DeviceMetric, ModelMetric } from '../health/catalogue.ts';

/**
 * What a rule watches. `drift`: a feature of a device is material. `offline`: a device is not seen. `deployment`: the last deployment of a
 * slot failed, went back or stands still in an unclear state. `enrolment`: somebody wants to be a device and waits for a person.
 * `metric`: a number of a device, or of a model on it, is beyond a limit. `quality`: by its labels a model is wrong more than it was.
 */
export const ALERT_SOURCES = ['drift', 'offline', 'deployment', 'enrolment', 'metric', 'quality'] as const;
export type AlertSource = (typeof ALERT_SOURCES)[number];

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Metrics of the catalogue that are known of every device at once. */
export const WATCHED_DEVICE_METRICS = [
  'device.memory', 'device.cpu', 'device.disk_free', 'device.outbox_entries', 'device.dropped_entries', 'device.certificate_left', 'device.loss_age',
  'device.temperature', 'device.machine_cpu', 'device.machine_memory_free',
] as const satisfies readonly DeviceMetric[]; // biome-ignore format: one list
/** Of each model over the last hour, or the last four windows where they are longer. */
export const WATCHED_MODEL_METRICS = [
  'model.error_share', 'model.window_coverage', 'model.report_lag', 'model.predictions', 'model.latency_p50', 'model.latency_p99',
  'model.missing_share', 'model.wrong_type_share', 'model.impossible_share', 'model.outside_share', 'model.unknown_categories',
  'model.invalid_scores', 'model.confidence', 'model.top_class_share',
] as const satisfies readonly ModelMetric[]; // biome-ignore format: one list
export const WATCHED_METRICS = [...WATCHED_DEVICE_METRICS, ...WATCHED_MODEL_METRICS] as const;
type WatchedModelMetric = (typeof WATCHED_MODEL_METRICS)[number];
export type WatchedDeviceMetric = (typeof WATCHED_DEVICE_METRICS)[number];

interface Bounds {
  /** Bad above, or below, in the unit of the metric; one of them is a number. */
  readonly above: number | null;
  readonly below: number | null;
}

export type ModelMetricLimit = Bounds & { readonly metric: WatchedModelMetric };
export type DeviceMetricLimit = Bounds & { readonly metric: WatchedDeviceMetric };
export type MetricLimit = ModelMetricLimit | DeviceMetricLimit;

export const isModelLimit = (limit: MetricLimit): limit is ModelMetricLimit =>
  (WATCHED_MODEL_METRICS as readonly string[]).includes(limit.metric);

export interface AlertRule {
  readonly id: string;
  readonly source: AlertSource;
  readonly severity: Severity;
  /** Label query: the devices that it watches; '' is all. */
  readonly where: string;
  /** How long it must be so before it fires, and how long not before it is over. */
  readonly holdSeconds: number;
  readonly clearSeconds: number;
  /** Nobody acknowledged for so long: the next channel is told too; 0 never. */
  readonly escalateMinutes: number;
  readonly isEnabled: boolean;
  /** Of a rule that watches a metric; null of the others. */
  readonly limit: MetricLimit | null;
  /** A rollout pauses when such an alert fires on one of its devices. */
  readonly freezes?: boolean;
}

const rule = (
  id: string,
  source: AlertSource,
  severity: Severity,
  holdSeconds: number,
  clearSeconds: number,
  limit: MetricLimit | null = null,
): AlertRule => ({
  id, source, severity, where: '', holdSeconds, clearSeconds, escalateMinutes: 30, isEnabled: true, limit,
}); // biome-ignore format: one record

/** What a new hub watches. */
export const DEFAULT_RULES: readonly AlertRule[] = [
  rule('drift', 'drift', 'warning', 0, 3600),
  rule('quality', 'quality', 'warning', 0, 0),
  rule('offline', 'offline', 'warning', 900, 60),
  rule('deployment', 'deployment', 'critical', 0, 0),
  rule('enrolment', 'enrolment', 'info', 0, 0),
  rule('disk', 'metric', 'critical', 300, 300, { metric: 'device.disk_free', above: null, below: 200e6 }),
  rule('losses', 'metric', 'warning', 0, 0, { metric: 'device.loss_age', above: null, below: 3600 }),
  rule('certificate', 'metric', 'warning', 0, 0, { metric: 'device.certificate_left', above: null, below: 3 }),
];

/** Whether a number is beyond the limit; undefined where it is not known. */
export const isBeyond = ({ above, below }: MetricLimit, value: number | null): boolean | undefined =>
  value === null ? undefined : (above !== null && value > above) || (below !== null && value < below);
