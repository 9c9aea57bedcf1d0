/**
 * Every error the gateway answers, as one table. A code fixes the status, the SCIM type and the two
 * texts: `title` is public, `hint` is for the operator's log. Expected refusals are values
 * (`Refusal`); `GatewayError` is for what unwinds a call. Nothing here ever holds a secret, a
 * payload or a foreign error's message.
 */

/** One row of the table (interface.md §3). */
export type ErrorRow = Readonly<{
  /** HTTP status of the answer; 0 means "the target's own status". */
  status: number;
  /** RFC 7644 §3.12 scimType, where one fits. */
  scimType?: ScimType;
  /** May the caller send the same call again later with hope? */
  retryable: boolean;
  /** Public one-line text, used as problem title and as detail where none is given. */
  title: string;
  /** For the operator, in the log only. */
  hint: string;
  level: 'debug' | 'info' | 'warn' | 'error';
}>;

/** RFC 7644 §3.12, table 9. */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'
  | 'invalidVers'
  | 'sensitive';

const row = (
  status: number,
  retryable: boolean,
  level: ErrorRow['level'],
  title: string,
  hint: string,
  scimType?: ScimType,
): ErrorRow =>
  Object.freeze({
    status,
    retryable,
    level,
    title,
    hint,
    ...(scimType === undefined ? {} : { scimType }),
  });

const rows = {
  caller_refused: row(
    401,
    false,
    'info',
    'The caller is not known here.',
    'The trace says whether the credential was missing, unknown, expired, revoked or from a wrong address.',
  ),
  signature_missing: row(
    401,
    false,
    'info',
    'The message is not signed as this route expects.',
    'The trace says which header, token or key id was missing.',
  ),
  signature_invalid: row(
    401,
    false,
    'warn',
    'The signature does not fit the message.',
    'Another key signed it, or the body or address was changed on the way; compare the secret at the sender.',
  ),
  timestamp_stale: row(
    401,
    false,
    'warn',
    'The signed time of the message lies too far from now.',
    'A replay, a clock that is wrong, or a sender that repeats with its first time; see webhook.tolerance.',
  ),
  key_unavailable: row(
    503,
    true,
    'error',
    'The key that verifies this message cannot be had now.',
    'The address of its key set or certificate does not answer; see the trace.',
  ),
  route_unknown: row(
    404,
    false,
    'debug',
    'There is no such route.',
    'Compare the path with `routes:` of the route file.',
  ),
  method_unsupported: row(
    405,
    false,
    'debug',
    'This method is not served here.',
    'See the Allow header of the answer.',
  ),
  media_type_unsupported: row(
    415,
    false,
    'debug',
    'Send application/scim+json or application/json in UTF-8, without a Content-Encoding.',
    'The client sends another media type or a compressed body.',
  ),
  not_supported: row(
    501,
    false,
    'debug',
    'This part of SCIM is not served here.',
    'The detail says which part, and what serves instead.',
  ),
  body_too_large: row(
    413,
    false,
    'info',
    'The body is larger than this gateway accepts.',
    'Raise server.maxBody if the client is right.',
  ),
  key_reused: row(
    422,
    false,
    'info',
    'This Idempotency-Key was used for another call.',
    'A key names one call of one client on one route, for 24 hours.',
  ),
  body_malformed: row(
    400,
    false,
    'debug',
    'The body is not the JSON that this call needs.',
    'The strict JSON scan or the message schema refused it.',
    'invalidSyntax',
  ),
  value_invalid: row(
    400,
    false,
    'debug',
    'A value is not valid for its attribute.',
    'The detail names the attribute.',
    'invalidValue',
  ),
  filter_malformed: row(
    400,
    false,
    'debug',
    'The filter is not valid.',
    'RFC 7644 §3.4.2.2.',
    'invalidFilter',
  ),
  path_malformed: row(
    400,
    false,
    'debug',
    'An attribute path is not valid.',
    'RFC 7644 §3.5.2.',
    'invalidPath',
  ),
  path_no_match: row(
    400,
    false,
    'debug',
    'An attribute path matches nothing.',
    'RFC 7644 §3.5.2.',
    'noTarget',
  ),
  reference_unresolved: row(
    409,
    false,
    'info',
    'A reference by bulkId cannot be resolved.',
    'RFC 7644 §3.7.1: what it refers to was not made, or stands in a circle that cannot be opened.',
  ),
  precondition_failed: row(
    412,
    false,
    'debug',
    'The resource is not at the version that was asked for.',
    'A client that does not see all of a resource is shown no entity tag, so none it states can be right.',
  ),
  request_suspicious: row(
    400,
    false,
    'warn',
    'The request is written in a way that two readers could read differently.',
    'Encoded separators, dot segments, look-alike names, method override or underscore headers.',
  ),
  action_denied: row(
    403,
    false,
    'info',
    'This client was not granted that action on this route.',
    'Compare with the grants of the route; `sallyport explain --ledger ID` shows the rule.',
  ),
  attribute_denied: row(
    403,
    false,
    'info',
    'This client may not touch these attributes.',
    'See `write:` and `read:` of the grant.',
  ),
  condition_denied: row(
    403,
    false,
    'info',
    "The grant's condition does not hold for this change.",
    'See `when:` of the grant.',
  ),
  subject_protected: row(
    403,
    false,
    'warn',
    'This subject is protected.',
    'See `protected:` of the target.',
  ),
  protection_unresolved: row(
    503,
    true,
    'warn',
    'It is not known yet which subjects are protected, so nothing that a rule forbids is done.',
    'A rule of `protected:` was never looked through at the target; see the log for why, and `sallyport protected list`.',
  ),
  guard_tripped: row(
    403,
    false,
    'warn',
    'A guard against mass changes has tripped.',
    'See `guards:` of the target.',
  ),
  mutation_held: row(
    403,
    false,
    'info',
    'This change waits for approval.',
    'See `sallyport holds list`.',
  ),
  rate_limited: row(
    429,
    true,
    'info',
    'Too many calls: the limit of this client is used up.',
    'The RateLimit headers name the policy.',
  ),
  target_rate_limited: row(
    429,
    true,
    'warn',
    'The target asks for fewer calls.',
    'Lower the limits of the target to what its vendor allows.',
  ),
  target_refused: row(
    0,
    false,
    'info',
    'The target refused the call.',
    'The detail quotes the target.',
  ),
  target_credential_refused: row(
    502,
    false,
    'error',
    'The target refused the credential of the gateway.',
    "Renew the target's credential; the client's key is fine.",
  ),
  target_partial: row(
    502,
    false,
    'error',
    'Only a part of the change was made.',
    'The target takes such a change in parts only; the ledger entry names every call and its inverse.',
  ),
  target_frozen: row(
    503,
    true,
    'warn',
    'Changes to this target are stopped for now.',
    'Somebody froze the tenant, the route or the client; `sallyport thaw` lifts it.',
  ),
  target_overloaded: row(
    503,
    true,
    'warn',
    'The target is busy; the queue of this gateway is full.',
    'See limits.concurrent, queue and wait of the target, and its breaker.',
  ),
  target_unconfigured: row(
    503,
    true,
    'error',
    'The target is not ready: one of its secrets cannot be resolved.',
    'See the reload problems on /readyz?verbose.',
  ),
  target_unreachable: row(
    502,
    true,
    'error',
    'The target cannot be reached, or its answer cannot be read.',
    'DNS, connection, TLS, the connect guard or a body that is no JSON.',
  ),
  target_timeout: row(
    504,
    true,
    'error',
    'The target did not answer in time.',
    'See timeout of the target.',
  ),
  ledger_unavailable: row(
    503,
    true,
    'error',
    'The change cannot be recorded, so it is not made.',
    'The store refuses writes: disk full, I/O error or locked. Reads go on.',
  ),
  clock_untrusted: row(
    503,
    true,
    'error',
    "The gateway's clock cannot be trusted, so nothing that depends on time is decided.",
    'The wall clock departs from monotonic or ledger time by more than five seconds.',
  ),
  shutting_down: row(
    503,
    true,
    'info',
    'The gateway is shutting down.',
    'Another gateway, or this one in a moment, will answer.',
  ),
  internal: row(
    503,
    true,
    'error',
    'The gateway failed on this call.',
    'A defect: the log entry with this request id has the cause.',
  ),
} as const satisfies Record<string, ErrorRow>;

/** Stable error codes; outside scripts rely on them. */
export type ErrorCode = keyof typeof rows;

/** The table, without a prototype so that no foreign name resolves. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = Object.freeze(
  Object.assign(Object.create(null) as Record<ErrorCode, ErrorRow>, rows),
);

const refusalMark = Symbol('refusal');

/**
 * A refusal as a value: what pure code returns instead of throwing. `detail` is public: it says what
 * to do next and never holds a secret, an internal name or a value the caller may not read.
 */
export type Refusal = Readonly<{
  /** Told from data by this mark alone: no JSON, whatever its names, can pass for a refusal. */
  [refusalMark]?: true;
  refused: ErrorCode;
  detail: string;
  /** Name of the rule that decided, e.g. `permissions.joiner.users.when`. */
  rule?: string;
  /** Seconds until a repeat makes sense. */
  retryAfterSeconds?: number;
  /** Overrides the table's status (`target_refused`, `mutation_held`, faults that are ours). */
  status?: number;
  /** Overrides the table's scimType (the target's own, say). */
  scimType?: string;
  /** The hold it waits in. */
  holdId?: string;
  /** Value of the Allow header (`method_unsupported`). */
  allow?: string;
  /** For log and trace only. */
  internal?: string;
}>;

/** Makes a Refusal. */
export const refuse = (
  refused: ErrorCode,
  detail: string,
  more: Omit<Refusal, 'refused' | 'detail' | typeof refusalMark> = {},
): Refusal => ({ [refusalMark]: true, refused, detail, ...more });

/** Tells a Refusal from the value it stands beside in a union. */
export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && refusalMark in value;

/** The one error class: a coded failure with its cause, thrown only where a call must unwind. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly refusal: Refusal;

  constructor(code: ErrorCode, options: { cause?: unknown; detail?: string } = {}) {
    super(code, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.refusal = refuse(code, options.detail ?? errorTable[code].title);
  }
}
