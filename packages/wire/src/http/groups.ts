// Owns the HTTP schemas about groups: label queries that were given a name. Never knows fastify.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { Count, DeviceId, Instant, Name } from './common.ts';

export const GroupParams = Type.Object({ group: Name });

export const GroupBody = Type.Object({
  query: Type.String({ maxLength: 1024, description: 'A label query; "" means every device' }),
  note: Type.Optional(Type.String({ maxLength: 256 })),
});
export type GroupBody = Static<typeof GroupBody>;

export const Group = Type.Object({
  name: Name,
  query: Type.String(),
  note: Type.String(),
  /** Devices that match now, and how many of them are connected. */
  devices: Count,
  online: Count,
  createdAt: Instant,
  updatedAt: Instant,
});
export type Group = Static<typeof Group>;

export const Groups = Type.Object({ items: Type.Array(Group) });

export const GroupDevices = Type.Object({ items: Type.Array(DeviceId), total: Count });
