/**
 * `emptyLists:` of a route (row C12): types that the target does not have. Connection tests list them
 * and take a 404 for a broken service, so a list is answered empty, after the same judgement as any
 * other, and nothing is sent. Whatever else is asked of such a type is refused. Pure.
 */
import { refuse, type Refusal } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import type { Operation } from '../identity/operation.ts';
import { listResponse } from '../identity/scim/messages.ts';
import type { Route } from '../snapshot.ts';

const isAbsent = (operation: Operation, { emptyLists }: Pick<Route, 'emptyLists'>): boolean =>
  operation.verb !== 'discover' && emptyLists.has(operation.type.word);

/** The answer in place of the target's to a list of what it does not have; null elsewhere. */
export const emptyAnswer = (
  operation: Operation,
  route: Pick<Route, 'emptyLists'>,
): Answer | null =>
  operation.verb === 'search' && isAbsent(operation, route)
    ? {
        status: 200,
        headers: {},
        body: listResponse({ totalResults: 0, startIndex: 1, resources: [] }),
        readable: true,
        excerpt: '',
      }
    : null;

/** Why an operation on what the target does not have goes no further; null elsewhere. */
export const absentProblem = (
  operation: Operation,
  route: Pick<Route, 'emptyLists'>,
): Refusal | null =>
  operation.verb !== 'discover' && operation.verb !== 'search' && isAbsent(operation, route)
    ? refuse('not_supported', `The target behind this route has no ${operation.type.endpoint}.`)
    : null;
