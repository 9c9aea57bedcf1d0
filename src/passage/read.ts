/**
 * Reads: no turn and no ledger; what the answer may show is decided before it is asked for. Where a
 * grant names groups, the answer itself is judged: a group outside is not shown.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import { isArray, isObject, type Json, type JsonObject } from '../identity/json-value.ts';
import type { AttributeName, ReadOperation } from '../identity/operation.ts';
import { presentDiscovery } from '../identity/scim/discovery.ts';
import { tellsByPage, type PagesBeside, type Paging } from '../identity/scim/pages.ts';
import { present, type Presented } from '../identity/scim/present.ts';
import { printCall } from '../identity/scim/print.ts';
import { decide } from '../policy/decide.ts';
import type { CompiledLimit, Decision } from '../policy/decision.ts';
import { openPage, withCursors, type Paged } from './cursors.ts';
import type { Target } from '../snapshot.ts';
import { dispatch } from './dispatch.ts';
import type { Outcome, Passage } from './doors.ts';
import { echoRead } from './echo-view.ts';
import { emptyAnswer } from './empty-lists.ts';
import { endJourney, noteGranted } from './journey.ts';
import { denied, takeLimits, turnAway } from './exits.ts';
import { copyScopeOf, withParts } from './scope.ts';
import { searchTarget, unanswered, type ReadWalk } from './search.ts';
import { openView, viewOf } from './view.ts';

const decideRead = (walk: ReadWalk, groupNames?: readonly string[]): Decision =>
  decide(walk.journey.passage.actor.grants, {
    type: walk.operation.verb === 'discover' ? null : walk.operation.type,
    effects: walk.effects,
    client: walk.journey.passage.actor.client.name,
    now: walk.deps.clock.now(),
    ...(groupNames === undefined ? {} : { groupNames }),
  });

const nameOf = (resource: Json | undefined): readonly string[] => {
  const name = isObject(resource) ? resource['displayName'] : undefined;
  return typeof name === 'string' ? [name] : [];
};

type Search = Exclude<ReadOperation, { verb: 'discover' }>;

/**
 * The operation as it is sent where the answer is to be judged: nothing may hide displayName, no 304
 * may stand for a group that is not looked at, and what is filtered or ordered comes whole, for a
 * page of it would tell by its total, or by where it ends, what hidden groups hold.
 */
const unhidden = (operation: Search): Search => {
  const excluded = operation.projection.excluded?.filter((name) => name !== 'displayName');
  const projection = excluded === undefined || excluded.length === 0 ? {} : { excluded };
  if (operation.verb === 'read') return { ...operation, projection, preconditions: {} };
  if (!tellsByPage(operation)) return { ...operation, projection };
  const { startIndex: _startIndex, count: _count, cursor: _cursor, ...page } = operation.page;
  return { ...operation, projection, page };
};

/** A list that is judged: what came, what of it may be shown, and how it was asked for. */
type Thinned = Readonly<{
  body: JsonObject;
  list: readonly Json[];
  shown: readonly Json[];
  beside: PagesBeside;
  paged: Paged<Search>;
}>;

/** A page, with what lies beside it. */
type Page = Readonly<{ body: JsonObject; beside: PagesBeside }>;

/**
 * A thinned page. Without filter and order the target has paged it, and its total stays as long as
 * there are more pages: a smaller one would end the reading before the last. By cursor nobody needs
 * it, so it is left out.
 */
const thinnedPage = ({ body, list, shown, beside, paged }: Thinned): Page => {
  const { totalResults, ...rest } = body;
  const byCursor = paged.byCursor || beside.next !== undefined;
  const whole = totalResults === list.length && beside.next === undefined;
  const total = whole ? { totalResults: shown.length } : byCursor ? {} : { totalResults };
  return { body: { ...rest, ...total, itemsPerPage: shown.length, Resources: shown }, beside };
};

/** The page that was asked for of a list that came whole, as if nothing hidden were there. */
const pageOf = (thinned: Thinned): Page => {
  const { body, shown, paged } = thinned;
  const { operation, byCursor } = paged;
  if (operation.verb !== 'search' || !tellsByPage(operation)) return thinnedPage(thinned);
  const { startIndex = 1, count = shown.length } = operation.page;
  const items = shown.slice(startIndex - 1, startIndex - 1 + count);
  const after = startIndex + items.length;
  const more = byCursor && items.length > 0 && after <= shown.length;
  return {
    body: {
      ...body,
      totalResults: shown.length,
      startIndex,
      itemsPerPage: items.length,
      Resources: items,
    },
    beside: more ? { next: { kind: 'index', startIndex: after } } : {},
  };
};

const isCut = ({ body, beside }: Presented, list: readonly Json[], operation: Search): boolean => {
  const total = body?.['totalResults'];
  return (
    operation.verb === 'search' &&
    tellsByPage(operation) &&
    (beside?.next !== undefined || (typeof total === 'number' && total > list.length))
  );
};

/** What a judged answer may show: the body without hidden groups, and the view all of it shares. */
type Judged = Readonly<{
  body: JsonObject | null;
  beside: PagesBeside;
  mayRead: (name: AttributeName) => boolean;
}>;

/**
 * Judges an answer by its groups' names: a single group is denied, a list is thinned. What is shown
 * of a list is what may be shown of every group in it.
 */
const judgeShown = (walk: ReadWalk, paged: Paged<Search>, seen: Presented): Judged | Refusal => {
  const { body, beside = {} } = seen;
  const list = body?.['Resources'];
  if (isArray(list) && isCut(seen, list, paged.operation)) {
    return refuse(
      'value_invalid',
      'More groups match than can be judged at once. Narrow the filter, or ask without sortBy.',
      {
        scimType: 'tooMany',
      },
    );
  }
  const items = isArray(list) ? list : body === null ? [] : [body];
  const decisions = items.map((item) => ({ item, decision: decideRead(walk, nameOf(item)) }));
  const allowed = decisions.flatMap(({ item, decision }) =>
    decision.allowed ? [{ item, decision }] : [],
  );
  const refusal = decisions.find(({ decision }) => !decision.allowed)?.decision;
  if (!isArray(list) && refusal !== undefined && !refusal.allowed) {
    return denied(walk.journey, refusal);
  }
  walk.journey.decision = 'allow';
  walk.journey.rule = allowed[0]?.decision.rule ?? null;
  walk.journey.granted = allowed[0]?.decision ?? null;
  const mayRead = (name: AttributeName): boolean =>
    allowed.every(({ decision }) => decision.view.covers(name));
  if (body === null || !isArray(list)) return { body, beside: {}, mayRead };
  const shown = allowed.map(({ item }) => item);
  return { ...pageOf({ body, list, shown, beside, paged }), mayRead };
};

/** Limits of every grant of the caller that speaks of these actions. */
const grantLimits = ({ journey }: ReadWalk) =>
  (journey.passage.actor.grants?.grants ?? [])
    .filter((grant) =>
      Object.values(grant.rules).some((rule) =>
        journey.actions.some((action) => rule.actions.has(action)),
      ),
    )
    .map((grant) => grant.limitReads);

const sendRead = async (
  walk: ReadWalk,
  operation: ReadOperation,
  limits: readonly (CompiledLimit | null)[],
): Promise<Answer | Outcome> => {
  const { deps, journey, target } = walk;
  const asked = [journey.passage.actor.client.limitReads, ...limits, target.limitReads];
  const limited = await takeLimits(deps, journey, asked, target);
  if (limited !== null) return turnAway(deps, journey, limited);
  const empty = emptyAnswer(operation, journey.passage.route);
  if (empty !== null) return empty;
  const view = openView(deps, journey, target);
  const { actor, route } = journey.passage;
  const asking = withParts(operation, copyScopeOf(actor, route.types, view.now));
  if (asking.verb === 'search' && !target.searchesAsAsked) {
    const found = await searchTarget(walk, asking);
    return isRefusal(found) ? endJourney(journey, found) : found;
  }
  const sent = await dispatch(deps, journey, target, printCall(asking, view), 'call', null);
  return sent.kind === 'answered' ? sent.answer : endJourney(journey, unanswered(sent));
};

/** A judged list is a page already: it is not cut again. */
const asPage = (operation: Search): Search =>
  operation.verb === 'search' ? { ...operation, page: {} } : operation;

/** Group patterns speak: the answer is read whole, judged by its names, then shown as asked. */
const passGated = async (walk: ReadWalk, paged: Paged<Search>): Promise<Outcome> => {
  const { deps, journey, target } = walk;
  const { operation, byCursor, scope } = paged;
  const whole = unhidden(operation);
  const answer = await sendRead(walk, whole, grantLimits(walk));
  if ('reply' in answer) return answer;
  const view = openView(deps, journey, target);
  const local = tellsByPage(operation);
  const seen = present(answer, whole, { ...view, byCursor: byCursor && !local });
  if (isRefusal(seen)) return endJourney(journey, withCursors(deps, scope, seen));
  const judged = judgeShown(walk, paged, seen);
  if (isRefusal(judged)) return turnAway(deps, journey, judged);
  const shown = { ...answer, body: judged.body ?? undefined };
  const judgedView = { ...viewOf(deps, journey, target, judged.mayRead), byCursor };
  const shownView = await echoRead(walk, judgedView, operation.type, shown);
  const presented = present(shown, asPage(operation), shownView);
  return endJourney(
    journey,
    isRefusal(presented)
      ? presented
      : withCursors(deps, scope, { ...presented, beside: judged.beside }),
  );
};

/** What discovery says of the route itself. */
const servedBy = ({ route, snapshot }: Passage) => ({
  types: route.types,
  bulk: route.bulk && { ...route.bulk, payloadBytesMax: snapshot.server.maxBodyBytes },
});

/** The page to ask of the target, or why this cursor opens none. */
const pageOfCaller = <Read extends ReadOperation>(
  { deps, journey, target }: ReadWalk,
  operation: Read,
  gated: boolean,
): Paged<Read> | Refusal => {
  const { actor, route } = journey.passage;
  const bound = {
    client: actor.client.name,
    route: route.name,
    targetBase: target.settings.baseUrl,
    gated,
  };
  return openPage(deps, operation, bound, pagingOf(target));
};

/** Lists that a target does not page are paged here, by index. */
const pagingOf = ({ knobs }: Target): Paging => (knobs.paging === 'none' ? 'index' : knobs.paging);

/** A read, from its operation to its outcome. */
export const passRead = async (walk: ReadWalk): Promise<Outcome> => {
  const { deps, journey, target, operation } = walk;
  const { grants } = journey.passage.actor;
  if (operation.verb !== 'discover' && (grants?.needsGroupName(journey.actions) ?? false)) {
    const paged = pageOfCaller(walk, operation, true);
    return isRefusal(paged) ? endJourney(journey, paged) : passGated(walk, paged);
  }
  const decision = decideRead(walk);
  if (!decision.allowed) return turnAway(deps, journey, denied(journey, decision));
  noteGranted(journey, decision);
  const paged = pageOfCaller(walk, operation, false);
  if (isRefusal(paged)) return endJourney(journey, paged);
  const answer = await sendRead(walk, paged.operation, decision.limits);
  if ('reply' in answer) return answer;
  const view = { ...viewOf(deps, journey, target, decision.view.covers), byCursor: paged.byCursor };
  if (paged.operation.verb === 'discover') {
    const served = {
      ...view,
      ...servedBy(journey.passage),
      paging: pagingOf(target),
      patches: target.knobs.patch !== 'whole' || target.knobs.put === 'none',
    };
    return endJourney(journey, presentDiscovery(answer, paged.operation, served));
  }
  const echoing = await echoRead(walk, view, paged.operation.type, answer);
  const presented = present(answer, paged.operation, echoing);
  return endJourney(journey, withCursors(deps, paged.scope, presented));
};
