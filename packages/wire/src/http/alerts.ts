// Owns the HTTP schemas of alerts: rules, alerts, incidents, silences, notices. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Id, Instant, Name } from './common.ts';

const Nullable = <T extends Type.TSchema>(of: T) => Type.Union([of, Type.Null()]);
export const AlertSource = Type.Union([
  Type.Literal('drift'), Type.Literal('offline'), Type.Literal('deployment'), Type.Literal('enrolment'), Type.Literal('metric'), Type.Literal('quality'),
]); // biome-ignore format: one list
export const Severity = Type.Union([Type.Literal('info'), Type.Literal('warning'), Type.Literal('critical')]);
const Where = Type.String({ maxLength: 1024, description: 'Label query of devices; empty is all' });

const MetricLimit = Type.Object({
  metric: Type.Union([
    Type.Literal('device.memory'), Type.Literal('device.cpu'), Type.Literal('device.disk_free'), Type.Literal('device.outbox_entries'), Type.Literal('device.temperature'), Type.Literal('device.machine_cpu'), Type.Literal('device.machine_memory_free'),
    Type.Literal('device.dropped_entries'), Type.Literal('device.certificate_left'), Type.Literal('device.loss_age'),
    Type.Literal('model.error_share'), Type.Literal('model.window_coverage'), Type.Literal('model.report_lag'), Type.Literal('model.predictions'), Type.Literal('model.latency_p50'), Type.Literal('model.latency_p99'),
    Type.Literal('model.missing_share'), Type.Literal('model.wrong_type_share'), Type.Literal('model.impossible_share'), Type.Literal('model.outside_share'), Type.Literal('model.unknown_categories'),
    Type.Literal('model.invalid_scores'), Type.Literal('model.confidence'), Type.Literal('model.top_class_share'),
  ]), // biome-ignore format: one list
  /** Bad above, or below, in the unit of the metric. */
  above: Nullable(Type.Number()),
  below: Nullable(Type.Number()),
});

const ruleFields = {
  source: AlertSource,
  severity: Severity,
  where: Where,
  /** It must be so for so long before it fires, and not so for so long before it is over. */
  holdSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }),
  clearSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }),
  /** Nobody acknowledged for so long: the next channel is told too; 0 never. */
  escalateMinutes: Type.Integer({ minimum: 0, maximum: 43_200 }),
  isEnabled: Type.Boolean(),
  /** Of a rule that watches a metric; null of the others. */
  limit: Nullable(MetricLimit),
  /** A rollout pauses when such an alert fires on one of its devices; without it none does. */
  freezes: Type.Optional(Type.Boolean()),
};
export const AlertRuleBody = Type.Object(ruleFields);
export type AlertRuleBody = Static<typeof AlertRuleBody>;
export const AlertRuleView = Type.Object({ id: Name, ...ruleFields });
export type AlertRuleView = Static<typeof AlertRuleView>;

export const AlertFactor = Type.Object({
  rule: Name,
  group: Type.String(),
  /** Such alerts must hold so many times as long, because people called them noise. */
  factor: Type.Number(),
});
export const AlertRules = Type.Object({ items: Type.Array(AlertRuleView), tuned: Type.Array(AlertFactor) });
export type AlertRules = Static<typeof AlertRules>;

export const AlertView = Type.Object({
  rule: Name,
  subject: Type.String(),
  device: DeviceId,
  state: Type.Union([
    Type.Literal('pending'), Type.Literal('firing'), Type.Literal('acknowledged'), Type.Literal('no_data'), Type.Literal('resolved'),
  ]), // biome-ignore format: one list
  what: Type.String(),
  summary: Type.String(),
  enteredAt: Instant,
  badSince: Instant,
  incident: Nullable(Id),
});
export type AlertView = Static<typeof AlertView>;

export const IncidentView = Type.Object({
  id: Id,
  rule: Name,
  severity: Severity,
  state: Type.Union([Type.Literal('open'), Type.Literal('acknowledged'), Type.Literal('resolved')]),
  title: Type.String(),
  /** Devices that are in it now, and the most there were. */
  devices: Count,
  most: Count,
  cause: Type.Object({
    kind: Type.Union([Type.Literal('fleet'), Type.Literal('group'), Type.Literal('devices')]),
    label: Nullable(Type.Object({ key: Type.String(), value: Type.String() })),
    moved: Count,
    judged: Count,
  }),
  openedAt: Instant,
  acknowledgedAt: Nullable(Instant),
  acknowledgedBy: Nullable(Type.String()),
  resolvedAt: Nullable(Instant),
  feedback: Nullable(Type.Union([Type.Literal('real'), Type.Literal('noise')])),
  /** Channels that were told. */
  told: Count,
});
export type IncidentView = Static<typeof IncidentView>;

export const IncidentDetail = Type.Object({
  ...IncidentView.properties,
  alerts: Type.Array(AlertView, { description: 'At most 1,000' }),
});
export type IncidentDetail = Static<typeof IncidentDetail>;

export const IncidentQuery = Type.Object({
  /** `true`: also those that are over. */
  all: Type.Optional(Type.Boolean()),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 200 })),
});
export const Incidents = Type.Object({ items: Type.Array(IncidentView) });
export type Incidents = Static<typeof Incidents>;
export const AlertQuery = Type.Object({
  device: Type.Optional(DeviceId),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 200 })),
});
export const Alerts = Type.Object({ items: Type.Array(AlertView) });
export type Alerts = Static<typeof Alerts>;

export const FeedbackRequest = Type.Object({ said: Type.Union([Type.Literal('real'), Type.Literal('noise')]) });
export type FeedbackRequest = Static<typeof FeedbackRequest>;

export const SilenceRequest = Type.Object({
  /** One rule; without it all. */
  rule: Type.Optional(Name),
  where: Type.Optional(Where),
  /** Now, when it is left out: a maintenance window begins later. */
  startsAt: Type.Optional(Instant),
  endsAt: Instant,
  reason: Type.String({ minLength: 1, maxLength: 500 }),
});
export type SilenceRequest = Static<typeof SilenceRequest>;
export const SilenceView = Type.Object({
  id: Id,
  rule: Nullable(Name),
  where: Type.String(),
  startsAt: Instant,
  endsAt: Instant,
  reason: Type.String(),
  by: Type.String(),
});
export type SilenceView = Static<typeof SilenceView>;
export const Silences = Type.Object({ items: Type.Array(SilenceView) });
export type Silences = Static<typeof Silences>;

export const NoticeView = Type.Object({
  id: Id,
  kind: Type.String(),
  incident: Nullable(Id),
  /** Channel, from 1. */
  channel: Count,
  state: Type.Union([Type.Literal('queued'), Type.Literal('sent'), Type.Literal('dead')]),
  attempts: Count,
  error: Nullable(Type.String()),
  createdAt: Instant,
});
export type NoticeView = Static<typeof NoticeView>;
export const Notices = Type.Object({ items: Type.Array(NoticeView), channels: Count });
export type Notices = Static<typeof Notices>;
export const Queued = Type.Object({ queued: Count });
export type Queued = Static<typeof Queued>;
