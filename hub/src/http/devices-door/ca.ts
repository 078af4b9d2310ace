// Serves the certificate of the hub's CA to whoever asks: a device compares it with the fingerprint that it was given.
import { DeviceCa } from '@drover/wire/http/enrolment';
import { problemResponses } from '../errors.ts';
import { type DevicesApi, PUBLIC_RATE } from './server.ts';

export function addCaRoutes(api: DevicesApi, deps: { readonly caPem: string; readonly fingerprint: string }): void {
  api.get(
    '/d/v1/ca',
    {
      config: { needs: 'public', rateLimit: PUBLIC_RATE },
      schema: { response: { 200: DeviceCa, ...problemResponses } },
    },
    async () => ({ ca: deps.caPem, fingerprint: deps.fingerprint }),
  );
}
