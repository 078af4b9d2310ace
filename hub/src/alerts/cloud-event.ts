// Owns the form in which an incident leaves the hub: a CloudEvent (CNCF CloudEvents 1.0, JSON format §3) and its signature. Sends nothing.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Incident } from '@drover/core/alerts/incident';
import type { NoticesTable } from '../db/schema-alerts.ts';

export const EVENT_CONTENT_TYPE = 'application/cloudevents+json; charset=utf-8';
export const SIGNATURE_HEADER = 'drover-signature';

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: unknown;
}

/** @param id stays the same when it is sent again: receivers drop what they know. */
export function incidentEvent(
  id: string,
  hubId: string,
  kind: NoticesTable['kind'],
  incident: Incident | undefined,
  now: number,
): CloudEvent {
  const instant = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    specversion: '1.0',
    id,
    source: `/drover/hubs/${hubId}`,
    type: `drover.incident.${kind}.v1`,
    ...(incident && { subject: incident.id }),
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    data: incident
      ? {
          incident: incident.id,
          state: incident.state,
          rule: incident.rule,
          severity: incident.severity,
          title: incident.title,
          devices: incident.devices,
          cause: incident.cause,
          openedAt: instant(incident.openedAt),
          acknowledgedAt: instant(incident.acknowledgedAt),
          resolvedAt: instant(incident.resolvedAt),
        }
      : { message: 'A test of the channel.' },
  };
}

const mac = (secret: Uint8Array, seconds: number, body: string): Buffer =>
  createHmac('sha256', secret).update(`${seconds}.${body}`).digest();

/** `t=<seconds since epoch>,v1=<hex HMAC-SHA256 of "t.body">`: the time is signed too, so that a receiver can refuse old ones. */
export const signBody = (secret: Uint8Array, body: string, now: number): string => {
  const seconds = Math.floor(now / 1000);
  return `t=${seconds},v1=${mac(secret, seconds, body).toString('hex')}`;
};

/** What a receiver does; here for tests and for the documentation. */
export function isSignedBody(
  secret: Uint8Array,
  body: string,
  header: string,
  now: number,
  maxAgeSeconds: number,
): boolean {
  const found = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(header);
  if (!found) return false;
  const [, seconds = '', hex = ''] = found;
  if (Math.abs(now / 1000 - Number(seconds)) > maxAgeSeconds) return false;
  return timingSafeEqual(Buffer.from(hex, 'hex'), mac(secret, Number(seconds), body));
}
