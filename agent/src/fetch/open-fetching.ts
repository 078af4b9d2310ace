// Puts the ways to an artifact together: chunks over MQTT, and beside them neighbours, recipes and HTTPS. Decides no order.
import type { Logger } from 'pino';
import type { Renewal } from '../enrol/renewal.ts';
import type { Identity } from '../identity.ts';
import { type Fetcher, makeFetcher } from '../link/download.ts';
import type { BlobStore } from '../store/blobs.ts';
import { makeDeltaSource } from './delta.ts';
import { makeHttpsSource } from './https.ts';
import { type MqttFetch, type MqttFetchDeps, makeMqttFetch } from './mqtt.ts';
import { makeNeighbourSource } from './neighbour.ts';

export interface FetchingDeps extends MqttFetchDeps {
  readonly identity: Identity;
  readonly blobs: BlobStore;
  readonly tls: Renewal['tls'] | undefined;
  readonly httpDelivery: boolean;
  readonly onProgress: () => void;
  readonly log: Logger;
}

export function openFetching(deps: FetchingDeps): { readonly fetcher: Fetcher; readonly mqttFetch: MqttFetch } {
  const { identity, blobs, tls, httpDelivery, onProgress, log } = deps;
  const { device } = identity;
  const mqttFetch = makeMqttFetch(deps);
  const basic = 'secret' in identity ? Buffer.from(`${device}:${identity.secret}`).toString('base64') : undefined;
  const fetcher: Fetcher = makeFetcher({
    blobs,
    mqtt: mqttFetch,
    sources: {
      neighbour: makeNeighbourSource({ mono: deps.mono, tls }),
      delta: makeDeltaSource({ blobs, fetch: (ref, signal) => fetcher.fetch(ref, signal) }),
      ...(httpDelivery && {
        mirror: makeHttpsSource({ devicesUrl: identity.devicesUrl, tls, basic, mono: deps.mono }),
      }),
    },
    onProgress,
    log: (level, message, detail) => log[level](detail, message),
  });
  return { fetcher, mqttFetch };
}
