// Owns the hub's Prometheus metrics: few, with few label values; never one per device, model or path.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Read when Prometheus asks, so that nothing has to be kept in step. */
export interface MetricSources {
  readonly devices: () => Promise<{ readonly total: number; readonly online: number }>;
  readonly uplink: () => Promise<{ readonly entries: number; readonly refused: number; readonly lost: number }>;
  readonly windows: () => Promise<{ readonly windows: number; readonly rows: number }>;
  readonly runs: () => Promise<{ readonly queued: number; readonly running: number }>;
  readonly mqtt: () => {
    readonly connections: number;
    readonly chunks: {
      readonly sentBytes: number;
      readonly broadcastBytes: number;
      readonly outgoing: number;
      readonly waiting: number;
    };
    readonly ingest: { readonly messages: number; readonly bytes: number; readonly commits: number };
    /** By reason code: a closed table. */
    readonly refusals: ReadonlyMap<string, number>;
  };
}

export interface HubMetrics {
  observeRequest(method: string, route: string, status: number, seconds: number): void;
  readonly contentType: string;
  text(): Promise<string>;
}

export function openMetrics(sources: MetricSources, version: string): HubMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'drover_hub_' });
  new Gauge({ name: 'drover_hub_info', help: 'The running version.', labelNames: ['version'], registers }).set(
    { version },
    1,
  );
  const requests = new Histogram({
    name: 'drover_hub_http_request_seconds',
    help: 'Time to answer an HTTP request, by route pattern.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  new Gauge({
    name: 'drover_hub_devices',
    help: 'Devices that joined, by presence.',
    labelNames: ['presence'],
    registers,
    async collect() {
      const { total, online } = await sources.devices();
      this.set({ presence: 'online' }, online);
      this.set({ presence: 'away' }, total - online);
    },
  });
  new Gauge({
    name: 'drover_hub_mqtt_connections',
    help: 'MQTT connections open now.',
    registers,
    collect() {
      this.set(sources.mqtt().connections);
    },
  });
  const counted = (name: string, help: string, read: () => number): void => {
    new Counter({
      name: `drover_hub_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  counted('uplink_messages', 'MQTT messages taken in.', () => sources.mqtt().ingest.messages);
  counted('uplink_bytes', 'Payload bytes of these messages.', () => sources.mqtt().ingest.bytes);
  counted(
    'uplink_commits',
    'Database commits of the ingest: fewer than messages when they are grouped.',
    () => sources.mqtt().ingest.commits,
  );
  counted('artifact_bytes', 'Bytes of artifacts sent to one device each.', () => sources.mqtt().chunks.sentBytes);
  counted(
    'artifact_broadcast_bytes',
    'Bytes of artifacts sent once to all that listened.',
    () => sources.mqtt().chunks.broadcastBytes,
  );
  const now = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `drover_hub_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  now('artifacts_on_the_way', 'Artifacts that devices fetch over MQTT.', () => sources.mqtt().chunks.outgoing);
  now('devices_waiting_turn', 'Devices whose site has no turn for them.', () => sources.mqtt().chunks.waiting);
  new Counter({
    name: 'drover_hub_mqtt_refusals_total',
    help: 'What devices were refused, by reason code.',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of sources.mqtt().refusals) this.inc({ code }, count);
    },
  });
  // Kept in the database, so they go on after a restart: a counter of this process would start again at 0.
  new Counter({
    name: 'drover_hub_uplink_entries_total',
    help: 'Uplink entries by what became of them.',
    labelNames: ['outcome'],
    registers,
    async collect() {
      const { entries, refused, lost } = await sources.uplink();
      this.reset();
      this.inc({ outcome: 'stored' }, entries);
      this.inc({ outcome: 'refused' }, refused);
      this.inc({ outcome: 'lost' }, lost);
    },
  });
  new Gauge({
    name: 'drover_hub_windows',
    help: 'Device windows held.',
    registers,
    async collect() {
      this.set((await sources.windows()).windows);
    },
  });
  new Gauge({
    name: 'drover_hub_training_runs',
    help: 'Training runs that wait or work.',
    labelNames: ['state'],
    registers,
    async collect() {
      const { queued, running } = await sources.runs();
      this.set({ state: 'queued' }, queued);
      this.set({ state: 'running' }, running);
    },
  });
  return {
    observeRequest: (method, route, status, seconds) =>
      requests.observe({ method, route, status: `${Math.floor(status / 100)}xx` }, seconds),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
