// Decides which HTTP status a reason code has and writes RFC 9457 problems. Never invents a code and never shows a stack.
import { REASONS, type ReasonCode, type Refusal, refuse } from '@drover/core/reasons';
import { Problem } from '@drover/wire/http/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** Codes whose status does not follow from their kind. */
const STATUS: { readonly [K in ReasonCode]?: number } = {
  token_refused: 401,
  token_expired: 401,
  session_ended: 401,
  sign_in_refused: 401,
  sign_in_locked: 429,
  rate_limited: 429,
  role_missing: 403,
  csrf_refused: 403,
  setup_code_refused: 403,
  oidc_failed: 403,
  oidc_no_role: 403,
  oidc_name_taken: 409,
  oidc_off: 404,
  person_unknown: 404,
  person_exists: 409,
  person_limit: 409,
  person_elsewhere: 409,
  last_admin: 409,
  api_token_unknown: 404,
  api_token_exists: 409,
  password_weak: 422,
  roles_invalid: 422,
  host_refused: 421,
  origin_refused: 403,
  not_found: 404,
  artifact_unknown: 404,
  slot_empty: 404,
  body_too_large: 413,
  data_too_large: 413,
  onnx_too_large: 413,
  body_type: 415,
  device_id_taken: 409,
  device_unknown: 404,
  device_certificate_missing: 401,
  device_certificate_invalid: 401,
  device_certificate_expired: 401,
  device_secret_wrong: 401,
  device_revoked: 403,
  device_rate_limited: 429,
  device_proof_wrong: 401,
  claim_unknown: 401,
  claim_expired: 403,
  claim_used: 409,
  enrol_key_known: 409,
  join_needs_claim: 409,
  enrol_other_device: 409,
  enrolment_unknown: 404,
  enrolment_rejected: 403,
  enrolment_changed: 409,
  enrolment_queue_full: 429,
  incident_unknown: 404,
  incident_over: 409,
  alert_rule_unknown: 404,
  silence_unknown: 404,
  model_unknown: 404,
  version_unknown: 404,
  oms_unknown: 404,
  rollout_unknown: 404,
  rollout_ended: 409,
  rollout_state: 409,
  rollout_conflict: 409,
  plan_invalid: 422,
  approval_own: 403,
  approval_stale: 409,
  approval_twice: 409,
  group_unknown: 404,
  group_in_use: 409,
  write_conflict: 409,
  blob_too_large: 413,
  blob_quota: 507,
  cmd_limit: 429,
  version_conflict: 409,
  release_unlisted: 409,
  release_full: 409,
  metadata_version: 409,
  root_key_missing: 409,
  idempotency_conflict: 422,
  idempotency_busy: 409,
  run_not_active: 409,
  queue_full: 429,
  disk_full: 507,
  report_stale: 409,
  report_conflict: 409,
  report_proof_wrong: 403,
  report_too_large: 413,
};

const BY_KIND = { permanent: 400, integrity: 422, transient: 503, internal: 500 } as const;

/** The request was well formed; what it names (a model file, data, parameters) cannot be used. */
const ABOUT_CONTENT = /^(onnx|data|baseline|sketch|manifest|params)_/;

export const statusOf = (code: ReasonCode): number =>
  STATUS[code] ?? (ABOUT_CONTENT.test(code) ? 422 : BY_KIND[REASONS[code].kind]);

export function describeProblem(refusal: Refusal, requestId: string): Problem {
  const { means, next } = REASONS[refusal.code];
  const title = means.replace(/\.$/, '');
  const status = statusOf(refusal.code);
  return {
    type: `urn:drover:${refusal.code}`,
    title,
    status,
    code: refusal.code,
    detail: refusal.detail,
    next,
    requestId,
  };
}

export function sendRefusal(reply: FastifyReply, refusal: Refusal): FastifyReply {
  const problem = describeProblem(refusal, reply.request.id);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer realm="drover"');
  const isLater = problem.status === 429 || problem.status === 503;
  if (isLater && !reply.hasHeader('retry-after')) void reply.header('retry-after', '1');
  return reply.status(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem);
}

/** A refusal that may say in how many seconds to come back. */
export function sendDelayed(reply: FastifyReply, refusal: Refusal & { readonly retryAfterS?: number }): FastifyReply {
  const { retryAfterS } = refusal;
  return sendRefusal(retryAfterS === undefined ? reply : reply.header('retry-after', retryAfterS), refusal);
}

/** The problem as every route states it in the API description. */
export const problemResponses = { '4xx': Problem, '5xx': Problem } as const;

interface Violation {
  readonly keyword?: string;
  readonly instancePath?: string;
  readonly message?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** The first field at fault, by path; values are not repeated, they may be secret. */
function describeViolation(part: string, violations: readonly Violation[]): string {
  // A closed object reports each unknown field as a schema that is false: that one says most.
  const violation = violations.find(({ keyword }) => keyword === 'boolean') ?? violations[0];
  const { instancePath = '', message = 'does not match', keyword, params = {} } = violation ?? {};
  const where = instancePath === '' ? '/' : instancePath.slice(0, 200);
  if (keyword === 'boolean') return `In the ${part}, "${where}" is not known.`;
  const missing = params['requiredProperties'];
  const which = Array.isArray(missing)
    ? `: ${missing
        .slice(0, 8)
        .map((name) => JSON.stringify(String(name).slice(0, 80)))
        .join(', ')}`
    : '';
  return `In the ${part}, "${where}" ${message}${which}.`;
}

/** What fastify itself refuses, by its error codes, as one of ours; undefined for a defect of ours. */
export function translateFastifyError(error: FastifyError): Refusal | undefined {
  if (error.validation !== undefined) {
    return refuse(
      'request_invalid',
      describeViolation(error.validationContext ?? 'request', error.validation as readonly Violation[]),
    );
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('body_too_large', 'The body is larger than this route takes.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('body_type', 'The content type is missing or not one that this route takes.');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return refuse('request_invalid', 'The body is not JSON.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return refuse('request_invalid', 'The body does not have the length that its header says.');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return refuse('request_invalid', 'The address cannot be read, or a part of it is longer than any name.');
    default:
      break;
  }
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 ? refuse('request_invalid', error.message.slice(0, 200)) : undefined;
}

export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = translateFastifyError(error);
  if (refusal !== undefined) return sendRefusal(reply, refusal);
  if (error.code === 'ENOSPC') {
    request.log.error({ err: error }, 'no room on the disk');
    return sendRefusal(reply, refuse('disk_full', 'The disk of the hub is full.'));
  }
  request.log.error({ err: error }, 'request failed');
  return sendRefusal(reply, refuse('hub_failed', `The request ${request.id} failed.`));
}
