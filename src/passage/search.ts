/**
 * Carries out a search at a target that cannot do all of it: what the target answers to the plan's
 * call or pages becomes one answer that reads as if it could (identity/scim/plan-search.ts). Pages
 * are bounded; what would need more is refused, never cut off in silence.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Answer } from '../identity/call.ts';
import type { Effect, Operation, Page, ReadOperation } from '../identity/operation.ts';
import { matches } from '../identity/scim/evaluate.ts';
import { listResponse } from '../identity/scim/messages.ts';
import { planSearch, type SearchPlan } from '../identity/scim/plan-search.ts';
import { printCall } from '../identity/scim/print.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { sortResources } from '../identity/scim/sort.ts';
import { readList } from '../identity/scim/target-resource.ts';
import type { Target } from '../snapshot.ts';
import type { Sent } from '../targets/send.ts';
import { dispatch } from './dispatch.ts';
import { retryOf, takeLimits, type PassageDeps } from './exits.ts';
import type { Journey } from './journey.ts';
import { viewOf } from './view.ts';

/** A read on its way. */
export type ReadWalk = Readonly<{
  deps: PassageDeps;
  journey: Journey;
  target: Target;
  effects: readonly Effect[];
  operation: ReadOperation;
}>;

type Search = Extract<Operation, { verb: 'search' }>;
type Sift = Extract<SearchPlan, { kind: 'sift' }>;

/** Most resources of a list that is read whole. */
const siftedMax = 1_000;

/** A read that got no answer. */
export const unanswered = (sent: Exclude<Sent, { kind: 'answered' }>): Refusal =>
  refuse(sent.code, 'The target did not answer this read. Try again later.', {
    internal: sent.reason,
    ...retryOf(sent),
  });

const answerOf = (resources: readonly Resource[], total: number, startIndex: number): Answer => ({
  status: 200,
  headers: {},
  body: listResponse({ totalResults: total, startIndex, resources }),
  readable: true,
  excerpt: '',
});

const ask = async (walk: ReadWalk, search: Search): Promise<Answer | Refusal> => {
  const { deps, journey, target } = walk;
  const view = viewOf(deps, journey, target, () => true);
  const parts = { ...view, search: target.knobs.search };
  const sent = await dispatch(deps, journey, target, printCall(search, parts), 'call', null);
  return sent.kind === 'answered' ? sent.answer : unanswered(sent);
};

const tooMany = refuse(
  'value_invalid',
  `More than ${siftedMax} resources would have to be looked through. Narrow the filter.`,
  { scimType: 'tooMany' },
);

type Whole = Readonly<{ whole: readonly Resource[] }>;

/**
 * All pages of the weaker search: its resources, or an answer that is no list, for `present` to
 * judge. A target that ignores startIndex and shows the same again ends the reading.
 */
const readPages = async (walk: ReadWalk, plan: Sift): Promise<Whole | Answer | Refusal> => {
  const { deps, journey, target } = walk;
  const { search, pageSize } = plan;
  const found = new Map<string, Resource>();
  const { paging } = target.knobs;
  let at: Page = paging === 'cursor' ? { cursor: '' } : { startIndex: 1 };
  for (let read = 0; ;) {
    if (read > 0) {
      const limited = await takeLimits(deps, journey, [target.limitReads], target);
      if (limited !== null) return limited;
    }
    const page = paging === 'none' ? {} : { ...at, count: pageSize };
    const answer = await ask(walk, { ...search, page });
    if (isRefusal(answer)) return answer;
    const list = answer.status === 200 ? readList(answer.body, search.type) : null;
    if (list === null) return answer;
    const before = found.size;
    for (const resource of list.resources) {
      const { id } = resource;
      found.set(typeof id === 'string' ? id : `\u0000${found.size}`, resource);
    }
    if (found.size > siftedMax || list.totalResults > siftedMax) return tooMany;
    read += list.resources.length;
    const more = paging === 'cursor' ? list.nextCursor !== null : read < list.totalResults;
    if (paging === 'none' || !more || found.size === before) return { whole: [...found.values()] };
    at = list.nextCursor === null ? { startIndex: read + 1 } : { cursor: list.nextCursor };
  }
};

const sift = async (walk: ReadWalk, asked: Search, plan: Sift): Promise<Answer | Refusal> => {
  const read = await readPages(walk, plan);
  if (!('whole' in read)) return read;
  const { filter, page, type } = asked;
  const fitting =
    filter === undefined ? read.whole : read.whole.filter((one) => matches(filter, one, type));
  const { startIndex = 1, count = fitting.length } = page;
  const shown = sortResources(fitting, type, page).slice(startIndex - 1, startIndex - 1 + count);
  return answerOf(shown, fitting.length, startIndex);
};

/** The answer to one call, with what the target did not do of it: sorting, `count=0`. */
const finish = (
  answer: Answer,
  asked: Search,
  plan: Extract<SearchPlan, { kind: 'ask' }>,
): Answer => {
  if (!plan.sort && !plan.countZero) return answer;
  const list = answer.status === 200 ? readList(answer.body, asked.type) : null;
  if (list === null) return answer;
  const { totalResults, startIndex, resources } = list;
  if (plan.countZero) return answerOf([], totalResults, startIndex);
  const whole = startIndex === 1 && resources.length === totalResults;
  return whole
    ? answerOf(sortResources(resources, asked.type, asked.page), totalResults, 1)
    : answer;
};

/** Searches within the target's knobs. The answer is the target's, or reads like one of its own. */
export const searchTarget = async (walk: ReadWalk, asked: Search): Promise<Answer | Refusal> => {
  const plan = planSearch(asked, walk.target.knobs);
  if (plan.kind === 'refused') return plan.refusal;
  if (plan.kind === 'empty') return answerOf([], 0, 1);
  if (plan.kind === 'sift') return sift(walk, asked, plan);
  const answer = await ask(walk, plan.search);
  return isRefusal(answer) ? answer : finish(answer, asked, plan);
};
