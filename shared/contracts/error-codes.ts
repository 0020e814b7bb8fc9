/**
 * Every error code that leaves a process: its HTTP status, when a retry can help, and the sentence
 * that says what it means. `type` in a problem document is `urn:holdfast:error:<code>`. The table
 * is tested against docs/errors.md.
 */
export type Retry = 'never' | 'later' | 'now';

export interface ErrorCodeEntry {
  readonly status: number;
  readonly retry: Retry;
  readonly title: string;
}

export const ERROR_CODES = {
  REQUEST_INVALID: { status: 400, retry: 'never', title: 'The request is not valid' },
  QUERY_TOO_COMPLEX: {
    status: 400,
    retry: 'never',
    title: 'The query asks for too much at once',
  },
  IDEMPOTENCY_KEY_MISSING: {
    status: 400,
    retry: 'never',
    title: 'The Idempotency-Key header is missing',
  },
  TOKEN_MISSING: { status: 401, retry: 'never', title: 'No access token was sent' },
  TOKEN_INVALID: { status: 401, retry: 'never', title: 'The access token is not valid' },
  CREDENTIALS_WRONG: { status: 401, retry: 'never', title: 'User name or password is wrong' },
  FORBIDDEN: { status: 403, retry: 'never', title: 'Not allowed' },
  CLAIM_WRONG: { status: 403, retry: 'never', title: 'The claim code is not known' },
  CLAIM_USED: { status: 409, retry: 'never', title: 'The claim code was already used' },
  CLAIM_EXPIRED: { status: 410, retry: 'never', title: 'The claim code has expired' },
  NOT_FOUND: { status: 404, retry: 'never', title: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, retry: 'never', title: 'Method not allowed' },
  IDEMPOTENCY_IN_FLIGHT: {
    status: 409,
    retry: 'later',
    title: 'The first request with this Idempotency-Key is not answered yet',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    retry: 'never',
    title: 'This Idempotency-Key was used with another request',
  },
  STATE_CONFLICT: {
    status: 409,
    retry: 'never',
    title: 'The present state does not allow this',
  },
  PAYMENT_UNRESOLVED: {
    status: 503,
    retry: 'later',
    title: "The acquirer's answer is not known yet",
  },
  NOT_ACCEPTABLE: { status: 406, retry: 'never', title: 'No answer in an accepted form' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retry: 'never',
    title: 'The content type is not supported',
  },
  CONFLICT: { status: 409, retry: 'never', title: 'The request conflicts with the present state' },
  PRECONDITION_FAILED: { status: 412, retry: 'never', title: 'The entity was changed meanwhile' },
  PAYLOAD_TOO_LARGE: { status: 413, retry: 'never', title: 'The body is too large' },
  PRECONDITION_REQUIRED: { status: 428, retry: 'never', title: 'If-Match is required' },
  RATE_LIMITED: { status: 429, retry: 'later', title: 'Too many requests' },
  INTERNAL: { status: 500, retry: 'later', title: 'An internal error' },
  UNAVAILABLE: { status: 503, retry: 'later', title: 'Not available at the moment' },
  DEADLINE_EXCEEDED: { status: 504, retry: 'later', title: 'No answer in time' },
  CONFIG_INVALID: { status: 500, retry: 'never', title: 'The configuration is not valid' },
  PORT_IN_USE: { status: 500, retry: 'never', title: 'A port is in use' },
  CA_MISMATCH: {
    status: 502,
    retry: 'never',
    title: 'The cloud shows another certificate authority than the claim code names',
  },
  CERTIFICATE_REJECTED: { status: 403, retry: 'never', title: 'The certificate was rejected' },
  NOT_ENROLLED: { status: 409, retry: 'never', title: 'This gateway is not enrolled' },
  INCARNATION_FENCED: {
    status: 409,
    retry: 'never',
    title: 'Two copies of this gateway spoke; a person must choose one',
  },
  PROTOCOL_UNSUPPORTED: {
    status: 426,
    retry: 'never',
    title: 'The protocol version is not supported',
  },
  BUFFER_FULL: { status: 507, retry: 'later', title: 'The reserved disk space is full' },
  STORE_DAMAGED: { status: 500, retry: 'never', title: 'A stored file is damaged' },
  STORE_NOT_DURABLE: {
    status: 500,
    retry: 'never',
    title: 'The store does not sync to disk as promised',
  },
  SQL_CONTENTION: { status: 503, retry: 'now', title: 'The transaction met too much contention' },
  LOG_FENCED: { status: 409, retry: 'never', title: 'The partition lease was taken over' },
  EVENT_TOO_LARGE: { status: 413, retry: 'never', title: 'The event is larger than 900 KB' },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;
