// Owns the names of what is known of the health of a device and of the models on it: unit, where it comes from, what it means. Never
// computes one.

export type MetricUnit = 'celsius' | 'bytes' | 'seconds' | 'microseconds' | 'ratio' | 'count' | 'days';

export interface MetricDefinition {
  readonly name: string;
  readonly unit: MetricUnit;
  /** `report`: the newest report of the agent. `hub`: what the hub knows by itself. `windows`: the windows of the time that was asked for. */
  readonly source: 'report' | 'hub' | 'windows' | 'labels' | 'drift';
  readonly means: string;
  /** Shown where nothing else was asked for. */
  readonly isDefault: boolean;
}

const of = <N extends string>(
  name: N,
  unit: MetricUnit,
  source: MetricDefinition['source'],
  means: string,
  isDefault = false,
): MetricDefinition & { readonly name: N } => ({ name, unit, source, means, isDefault });

/** Of a device. */
export const DEVICE_METRICS = [
  of('device.online', 'ratio', 'hub', '1 while it is connected, 0 while it is not.', true),
  of('device.silence', 'seconds', 'hub', 'Since it was last seen.'),
  of('device.uptime', 'seconds', 'report', 'Since its agent was started.'),
  of('device.memory', 'bytes', 'report', 'Resident memory of the agent.', true),
  of('device.cpu', 'ratio', 'report', 'Share of one core that the agent took between its last two reports.', true),
  of('device.disk_free', 'bytes', 'report', 'Room that is left on the disk of its data.', true),
  of('device.outbox_entries', 'count', 'report', 'Entries that wait for the hub.', true),
  of('device.outbox_bytes', 'bytes', 'report', 'Their bytes.'),
  of(
    'device.dropped_entries',
    'count',
    'report',
    'Entries that were dropped since its outbox began, because it or the disk was full.',
  ),
  of('device.lost_entries', 'count', 'hub', 'Entries that the hub was told are lost.'),
  of(
    'device.loss_age',
    'seconds',
    'hub',
    'Since the hub was last told that entries are lost; not known while none were.',
  ),
  of('device.refused_entries', 'count', 'hub', 'Entries that the hub refused.'),
  of(
    'device.own_answers',
    'count',
    'report',
    'Answers since its start that were not simply those of the model: rules, fallback, version before.',
  ),
  of(
    'device.temperature',
    'celsius',
    'report',
    'Of the warmest sensor of the machine; not known where the system tells none.',
  ),
  of('device.machine_cpu', 'ratio', 'report', 'How busy all cores of the machine were between two reports.'),
  of('device.machine_memory_free', 'bytes', 'report', 'Memory of the machine that programs can still have.'),
  of(
    'device.connections',
    'count',
    'report',
    'Times that the agent reached the hub since its start: many are a bad link.',
  ),
  of('device.certificate_left', 'days', 'hub', 'Until its certificate ends.'),
] as const;

/** Of a model in a slot of a device, over the time that was asked for. */
export const MODEL_METRICS = [
  of('model.windows', 'count', 'windows', 'Windows that came.'),
  of(
    'model.window_coverage',
    'ratio',
    'windows',
    'Of the windows that were numbered so many came: the rest is lost or not here yet.',
  ),
  of(
    'model.report_lag',
    'seconds',
    'windows',
    'Least time between the end of a window and its arrival; below 0 the clock of the device is ahead.',
  ),
  of('model.predictions', 'count', 'windows', 'Predictions.', true),
  of('model.errors', 'count', 'windows', 'Runs that failed.'),
  of('model.error_share', 'ratio', 'windows', 'Runs that failed, of all.', true),
  of('model.latency_p50', 'microseconds', 'windows', 'Half of the predictions took less.'),
  of('model.latency_p90', 'microseconds', 'windows', '90 % took less.'),
  of('model.latency_p99', 'microseconds', 'windows', '99 % took less.', true),
  of('model.latency_beyond', 'count', 'windows', 'Predictions of more than 100 s.'),
  of('model.values', 'count', 'windows', 'Values of numeric fields that were seen.'),
  of('model.missing_share', 'ratio', 'windows', 'Values that were absent.', true),
  of('model.nan_share', 'ratio', 'windows', 'Values that were given as not a number.'),
  of('model.infinite_share', 'ratio', 'windows', 'Values that were infinite.'),
  of('model.wrong_type_share', 'ratio', 'windows', 'Values of a wrong type.'),
  of('model.impossible_share', 'ratio', 'windows', 'Values beyond the hard range.'),
  of('model.outside_share', 'ratio', 'windows', 'Usable values outside the range of training.'),
  of('model.longest_run', 'count', 'windows', 'Longest run of one value of a field in a window.'),
  of(
    'model.inflation',
    'ratio',
    'windows',
    'Values that are worth one independent value, of the field where it is most.',
  ),
  of('model.unknown_categories', 'ratio', 'windows', 'Categories that training did not know.'),
  of('model.invalid_scores', 'ratio', 'windows', 'Answers whose probabilities are none.'),
  of('model.confidence', 'ratio', 'windows', 'Mean probability of the answered class.'),
  of('model.top_class_share', 'ratio', 'windows', 'Share of the class that is answered most.'),
  of('model.labelled', 'count', 'labels', 'Predictions whose truth is known by now.'),
  of('model.label_coverage', 'ratio', 'labels', 'Of the predictions.'),
  of('model.accuracy', 'ratio', 'labels', 'Of those that are labelled so many were right.'),
  of(
    'model.material_drift',
    'count',
    'drift',
    'Fields and answers that moved for sure and so far that it matters.',
    true,
  ),
  of('model.learning', 'count', 'drift', 'Fields and answers that cannot be judged yet.'),
] as const;

export const METRICS: readonly MetricDefinition[] = [...DEVICE_METRICS, ...MODEL_METRICS];

export type DeviceMetric = (typeof DEVICE_METRICS)[number]['name'];
export type ModelMetric = (typeof MODEL_METRICS)[number]['name'];
