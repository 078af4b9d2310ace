// Owns the settings about alerts: how often the fleet is looked at, and who is told. Part of the list in config.ts; decides nothing
// and holds no secret.
import Type from 'typebox';

export const ALERT_SETTINGS = {
  alertSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 3600 }),
    flag: 'alert-seconds',
    env: 'DROVER_HUB_ALERT_SECONDS',
    means: 'How often the fleet is looked at for alerts.',
  },
  alertWebhooks: {
    schema: Type.Array(Type.String({ pattern: '^https?://[^\\s]{1,2000}$' }), { maxItems: 4 }),
    flag: 'alert-webhook',
    env: 'DROVER_HUB_ALERT_WEBHOOKS',
    means: 'Address that incidents are posted to as CloudEvents; further ones are told when nobody acknowledges.',
  },
  alertSecretFile: {
    schema: Type.String({ minLength: 1, maxLength: 4096 }),
    flag: 'alert-secret-file',
    env: 'DROVER_HUB_ALERT_SECRET_FILE',
    means: 'File (mode 0600) with the secret that signs what is posted (HMAC-SHA256).',
  },
} as const;

export const ALERT_DEFAULTS = { alertSeconds: 30, alertWebhooks: [] as string[] };
