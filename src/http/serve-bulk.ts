/**
 * A Bulk at the data listener: is it one, what it says, and what came of it as one answer. The answer
 * is 200 whatever became of its operations (RFC 7644 §3.7.3), unless it was refused whole; each
 * operation that failed carries the error it would have had alone, with its own ledger id.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { readBulk, type Bulk } from '../identity/scim/bulk.ts';
import { resourceLink } from '../identity/scim/links.ts';
import { isObject } from '../identity/json-value.ts';
import { bulkResponse, scimError, type BulkResultContent } from '../identity/scim/messages.ts';
import type { Presented } from '../identity/scim/present.ts';
import type { ScimView } from '../identity/scim/understand.ts';
import type {
  BulkOutcome,
  BulkPassage,
  BulkResult,
  Doors,
  Origin,
  Outcome,
} from '../passage/doors.ts';
import type { Route } from '../snapshot.ts';
import { errorContentOf } from './respond.ts';

/** Do these segments below the route address its Bulk endpoint, and is it served? */
export const asksBulk = (route: Route, rest: readonly string[]): boolean =>
  route.bulk !== null &&
  rest[0]?.toLowerCase() === 'bulk' &&
  (rest.length === 1 || (rest.length === 2 && rest[1] === ''));

/** Reads what was sent to the Bulk endpoint. */
export const readBulkCall = (
  call: Readonly<{ method: string; body: string | null }>,
  view: ScimView,
  route: Route,
): Bulk | Refusal => {
  if (call.method !== 'POST') {
    return refuse('method_unsupported', 'Served here: POST.', { allow: 'POST' });
  }
  return readBulk(call.body, view, route.bulk?.operationsMax ?? 0);
};

const versionOf = ({ headers, body }: Presented): string | null => {
  const meta = body?.['meta'];
  const stated = isObject(meta) ? meta['version'] : undefined;
  return headers['ETag'] ?? (typeof stated === 'string' ? stated : null);
};

const contentOf = (result: BulkResult, origin: Origin): BulkResultContent => {
  const { of, reply, id, ledger, completion, made } = result;
  const { method, bulkId, operation } = of;
  const failed = isRefusal(reply);
  const last = completion ?? ledger;
  const outcome = last?.outcome;
  const error = failed
    ? errorContentOf(reply, {
        ...origin,
        ledgerId: last?.id ?? null,
        outcome: outcome === 'not-sent' || outcome === 'in-doubt' ? outcome : null,
      })
    : null;
  // RFC 7644 §3.7.3: there is no location where a POST made nothing.
  const located = id !== null && (operation.verb !== 'create' || !failed || made);
  const { type } = operation;
  return {
    method,
    bulkId,
    version: failed ? null : versionOf(reply),
    location: located ? resourceLink(origin.publicBase, type.endpoint, id) : null,
    status: isRefusal(reply) ? (error?.status ?? 503) : reply.status,
    response: error === null ? null : scimError(error),
    ledger: {
      ...(ledger === null || (failed && !made) ? {} : { ledgerId: ledger.id }),
      ...(completion === null ? {} : { completionLedgerId: completion.id }),
    },
  };
};

const unionOf = <Item>(lists: readonly (readonly Item[])[]): readonly Item[] => [
  ...new Set(lists.flat()),
];

/** A Bulk that was carried out, as one outcome with its parts. */
const asOutcome = ({ results, tried, foreseen }: BulkOutcome, origin: Origin): Outcome => {
  const outcomes = tried.map(({ outcome }) => outcome);
  return {
    reply: {
      status: 200,
      headers: {},
      body: bulkResponse(results.map((result) => contentOf(result, origin))),
    },
    operation: 'bulk',
    actions: unionOf(outcomes.map(({ actions }) => actions)),
    resourceType: null,
    // Each part tells its own decision; one of the whole would be counted beside them.
    decision: null,
    rule: null,
    normalised: outcomes.flatMap(({ normalised }) => normalised),
    repairs: unionOf(outcomes.map(({ repairs }) => repairs)),
    limits: outcomes.findLast(({ limits }) => limits.length > 0)?.limits ?? [],
    retryAfterSeconds: 0,
    ledger: null,
    attempts: [...foreseen.attempts, ...outcomes.flatMap(({ attempts }) => attempts)],
    targetMs: outcomes.reduce((sum, { targetMs }) => sum + targetMs, foreseen.targetMs),
    internal: null,
    parts: tried,
  };
};

/** Carries out a Bulk and answers it whole. */
export const serveBulk = async (
  doors: Pick<Doors, 'passBulk'>,
  passage: BulkPassage,
): Promise<Outcome | Refusal> => {
  const came = await doors.passBulk(passage);
  if (isRefusal(came)) return came;
  const { refused, foreseen } = came;
  return refused === null
    ? asOutcome(came, passage.origin)
    : { ...refused, ...foreseen, operation: 'bulk' };
};
