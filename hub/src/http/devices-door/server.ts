// Builds the listener for devices: TLS 1.3 with the device's certificate, or plain on loopback with id and secret in
// development. Decides per request which device asks; knows no route of its own. Never serves a person.
//
// To add routes: a function `addXRoutes(api: DevicesApi, deps)` in a file beside this one, handed in `routes` by hub.ts.
// A route is for devices unless it says `config: { needs: 'public', rateLimit: PUBLIC_RATE }`; in a device's route `deviceOf(request)` is who asks.
import { randomBytes } from 'node:crypto';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { makeId } from '@drover/core/ids';
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import { type DeviceIdentity, readDeviceIdentity } from '@drover/trust/pki/peer';
import rateLimit from '@fastify/rate-limit';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawServerBase,
} from 'fastify';
import { handleError, sendRefusal } from '../errors.ts';
import { withoutListening } from '../listen-log.ts';
import { compileStrictly } from '../strict.ts';

/** The device that asks: proven by its certificate, or by its secret in development. */
export interface AskingDevice {
  readonly id: string;
  /** Undefined in development. */
  readonly identity: DeviceIdentity | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    device: AskingDevice | null;
  }
}

export type DevicesApi = FastifyInstance<RawServerBase, never, never, FastifyBaseLogger, TypeBoxTypeProvider>;

export interface DevicesTls {
  readonly cert: string;
  readonly key: string;
  /** The CA of the devices' certificates. */
  readonly ca: string;
}

export interface DevicesServerDeps {
  readonly log: FastifyBaseLogger;
  /** Undefined: development, plain. */
  readonly tls: DevicesTls | undefined;
  readonly now: () => number;
  readonly admitCertificate: (identity: DeviceIdentity) => Promise<Refusal | undefined>;
  readonly admitSecret: (device: string, secret: string) => Promise<Refusal | undefined>;
  readonly routes: readonly ((api: DevicesApi) => void)[];
  readonly observe: (method: string, route: string, status: number, seconds: number) => void;
}

export interface DevicesServer {
  readonly api: DevicesApi;
  /** Connections that stand go on with the certificate that they met. */
  renewTls(tls: DevicesTls): void;
}

/** A request is a few numbers, a certificate request or a signature. */
const BODY_BYTES = 32 * 1024;
const REQUEST_MS = 60_000;
/** For `config.rateLimit` of public routes, per address: a site of devices may share one. */
export const PUBLIC_RATE = { max: 300, timeWindow: 60_000 } as const;
const MAX_CONNECTIONS = 2000;

const BASIC = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i;

function readBasic(header: string | undefined): { device: string; secret: string } | undefined {
  const coded = BASIC.exec(header ?? '')?.[1];
  if (coded === undefined) return undefined;
  const text = Buffer.from(coded, 'base64').toString('utf8');
  const at = text.indexOf(':');
  return at < 0 ? undefined : { device: text.slice(0, at), secret: text.slice(at + 1) };
}

class TooManyRequests extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

/** What the certificate of a connection says; read once for each, since that costs more than most requests. */
const identities = new WeakMap<TLSSocket, Result<DeviceIdentity>>();

function readPeer(socket: TLSSocket): Result<DeviceIdentity> {
  const held = identities.get(socket);
  if (held !== undefined) return held;
  const certificate = socket.getPeerX509Certificate();
  const identity = certificate === undefined ? undefined : readDeviceIdentity(certificate);
  // OpenSSL's own verdict, of the handshake that this session started with.
  const isExpired = String(socket.authorizationError) === 'CERT_HAS_EXPIRED';
  const read: Result<DeviceIdentity> =
    certificate === undefined
      ? refuse('device_certificate_missing', 'There is none.')
      : isExpired
        ? refuse('device_certificate_expired', `It was valid until ${certificate.validTo.slice(0, 40)}.`)
        : socket.authorized && identity !== undefined
          ? accept(identity)
          : refuse('device_certificate_invalid', 'It is not from the CA of this hub, or not for a device.');
  identities.set(socket, read);
  return read;
}

async function findDevice(request: FastifyRequest, deps: DevicesServerDeps): Promise<Result<AskingDevice>> {
  if (deps.tls === undefined) {
    const basic = readBasic(request.headers.authorization);
    if (basic === undefined)
      return refuse('device_certificate_missing', 'In development a device sends its id and secret (Basic).');
    const refusal = await deps.admitSecret(basic.device, basic.secret);
    return refusal ?? accept({ id: basic.device, identity: undefined });
  }
  const peer = readPeer(request.raw.socket as TLSSocket);
  if (!peer.ok) return peer;
  const refusal = await deps.admitCertificate(peer.value);
  return refusal ?? accept({ id: peer.value.device, identity: peer.value });
}

/** The device of a request to a route that is for devices. */
export function deviceOf(request: FastifyRequest): AskingDevice {
  if (request.device === null) throw new Error('the route is open, or the device was not asked for');
  return request.device;
}

/** TLS options of every listener for devices: a certificate is asked for; each route or CONNECT judges it. */
const tlsOptions = ({ cert, key, ca }: DevicesTls) => ({
  cert,
  key,
  ca,
  requestCert: true,
  rejectUnauthorized: false,
  minVersion: 'TLSv1.3' as const,
});

export async function buildDevicesServer(deps: DevicesServerDeps): Promise<DevicesServer> {
  const shared = {
    loggerInstance: withoutListening(deps.log),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: 0,
    keepAliveTimeout: 30_000,
    routerOptions: { maxParamLength: 128 },
    requestIdHeader: false as const,
    genReqId: () => makeId(deps.now(), randomBytes(10)),
    forceCloseConnections: 'idle' as const,
    return503OnClosing: true,
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      void handleError(error, request, reply);
    },
  };
  const bare = deps.tls === undefined ? fastify(shared) : fastify({ ...shared, https: tlsOptions(deps.tls) });
  const api = bare.withTypeProvider<TypeBoxTypeProvider>() as unknown as DevicesApi;
  api.server.maxConnections = MAX_CONNECTIONS;
  api.setValidatorCompiler(compileStrictly);
  api.setErrorHandler((error: FastifyError | TooManyRequests, request, reply) =>
    error instanceof TooManyRequests ? sendRefusal(reply, error.refusal) : handleError(error, request, reply),
  );
  api.setNotFoundHandler((request, reply) =>
    sendRefusal(
      reply,
      refuse('not_found', `${request.method} ${request.url.split('?')[0]?.slice(0, 200)} is no route for devices.`),
    ),
  );
  api.decorateRequest('device', null);
  await api.register(rateLimit, {
    global: false,
    // The plugin throws what this makes, and the error handler writes it.
    errorResponseBuilder: (_request, { ttl }) =>
      new TooManyRequests(refuse('device_rate_limited', `Again in ${Math.ceil(ttl / 1000)} s.`)),
  });
  api.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
    if (request.routeOptions.config.needs === 'public' || request.is404) return undefined;
    const found = await findDevice(request, deps);
    if (!found.ok) return sendRefusal(reply, found);
    request.device = found.value;
    return undefined;
  });
  api.addHook('onSend', async (_request, reply) => {
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  api.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    deps.observe(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
  });
  for (const route of deps.routes) await api.register(async (scope) => route(scope as unknown as DevicesApi));
  return {
    api,
    renewTls: (tls) => (api.server as unknown as TlsServer).setSecureContext(tlsOptions(tls)),
  };
}
