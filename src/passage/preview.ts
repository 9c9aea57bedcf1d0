/**
 * What a call would mean and whether it would pass, without a target, a ledger or a limit: the same
 * steps as `pass`, over a current resource that is given instead of read. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { isMutation, type Action, type Effect, type Operation } from '../identity/operation.ts';
import type { NormalisedPath } from '../identity/attributes/profile.ts';
import type { Call } from '../identity/call.ts';
import { rfcKnobs } from '../identity/dialects/knobs.ts';
import { pageAt } from '../identity/scim/pages.ts';
import { planSearch } from '../identity/scim/plan-search.ts';
import { printCall } from '../identity/scim/print.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { decide } from '../policy/decide.ts';
import type { CompiledLimit, Decision, Denial } from '../policy/decision.ts';
import type { Target } from '../snapshot.ts';
import type { Actor, Passage } from './doors.ts';
import { emptyAnswer } from './empty-lists.ts';
import { needsCurrent, seenOf } from './facts.ts';
import { judgeEarly } from './judge-early.ts';
import { normaliseOperation, withEarlyPrivilege } from './normalise.ts';
import {
  changesNothing,
  decideMutation,
  plan,
  prepare,
  revokesOnly,
  stripped,
  type Prepared,
} from './prepare.ts';
import { protectionShown, stopShown, watchingOf, type Watching } from './preview-safety.ts';
import { copyScopeOf, withParts } from './scope.ts';

/** A passage that is only looked at. */
export type Imagined = Pick<Passage, 'route' | 'snapshot' | 'operation'> &
  Readonly<{
    actor: Pick<Actor, 'client' | 'grants'>;
    /** The current resource, where it is known. */
    before: Resource | null;
    publicBase: string;
    now: number;
  }>;

/** What would happen. */
export type Preview = Readonly<{
  operation: Operation;
  actions: readonly Action[];
  /** The same actions with the attributes through which they act. */
  effects: readonly Effect[];
  normalised: readonly NormalisedPath[];
  verdict:
    | Readonly<{ kind: 'allow'; rule: string; drop: readonly string[]; shadow: readonly string[] }>
    | Readonly<{ kind: 'deny'; refusal: Refusal | Denial }>
    /** Whatever was counted before, it waits for people. */
    | Readonly<{ kind: 'hold'; rule: string; detail: string }>
    /** It cannot be told without the current resource: give it with `--before`. */
    | Readonly<{ kind: 'needs-before' }>;
  limits: readonly CompiledLimit[];
  /** Guards, approval and outside decisions that have a say after the grants. */
  watching: readonly Watching[];
  /** Calls to the target in order. */
  calls: readonly Call[];
  /** The target already holds all of it: nothing would be sent. */
  unchanged: boolean;
}>;

const limitsOf = ({ actor, snapshot, route }: Imagined, writing: boolean): CompiledLimit[] => {
  const target = snapshot.targets[route.target];
  const limits = writing
    ? [actor.client.limitWrites, target?.limitWrites]
    : [actor.client.limitReads, target?.limitReads];
  return limits.filter((limit) => limit !== null && limit !== undefined);
};

const basesOf = ({ snapshot, route, actor, publicBase, now }: Imagined) => ({
  publicBase,
  copies: copyScopeOf(actor, route.types, now),
  targetBase: (snapshot.targets[route.target]?.settings.baseUrl ?? '').replace(/\/+$/, ''),
});

type Told = Pick<Preview, 'operation' | 'actions' | 'effects' | 'normalised' | 'limits'>;

const denial = (told: Told, refusal: Refusal | Denial): Preview => ({
  ...told,
  verdict: { kind: 'deny', refusal },
  watching: [],
  calls: [],
  unchanged: false,
});

/** A cursor is not opened here: what is shown is how its first page would be asked for. */
const firstPage = <Read extends Operation>(operation: Read): Read =>
  operation.verb !== 'search' || operation.page.cursor === undefined
    ? operation
    : { ...operation, page: pageAt(operation.page, null, 'index') };

const previewRead = (imagined: Imagined, told: Told, operation: Operation): Preview => {
  const decision = decide(imagined.actor.grants, {
    type: operation.verb === 'discover' ? null : operation.type,
    effects: told.actions.map((action) => ({ action, attributes: [] })),
    client: imagined.actor.client.name,
    now: imagined.now,
  });
  if (!decision.allowed) return denial(told, decision);
  const calls = readCalls(imagined, operation);
  if (isRefusal(calls)) return denial(told, calls);
  return {
    ...told,
    limits: [...told.limits, ...decision.limits],
    verdict: allowedBy(decision, []),
    watching: [],
    calls,
    unchanged: false,
  };
};

/** The first call of a read: what the target is asked, which may be less than what the client asks. */
const readCalls = (imagined: Imagined, operation: Operation): readonly Call[] | Refusal => {
  if (emptyAnswer(operation, imagined.route) !== null) return [];
  const target = imagined.snapshot.targets[imagined.route.target];
  const bases = basesOf(imagined);
  const asked = withParts(firstPage(operation), bases.copies);
  if (asked.verb !== 'search' || target === undefined || target.searchesAsAsked) {
    return [printCall(asked, bases)];
  }
  const plan = planSearch(asked, target.knobs);
  if (plan.kind === 'refused') return plan.refusal;
  if (plan.kind === 'empty') return [];
  return [printCall(plan.search, { ...bases, search: target.knobs.search })];
};

/** Looks at a passage. Never throws for what the call says. */
export const preview = (imagined: Imagined): Preview => {
  const { actor, route, before, now } = imagined;
  const target = imagined.snapshot.targets[route.target];
  const knobs = target?.knobs ?? rfcKnobs;
  const safety = target?.safety ?? null;
  const writes = { knobs, plainWrites: target?.plainWrites ?? true, safety };
  const normal = normaliseOperation(imagined.operation, route, before, knobs);
  const none = { actions: [], effects: [], normalised: [], limits: [] };
  if (isRefusal(normal)) return denial({ ...none, operation: imagined.operation }, normal);
  const { normalised } = normal;
  const privileged = safety?.privileged ?? null;
  const effects = withEarlyPrivilege(normal, privileged);
  const told: Told = {
    operation: normal.operation,
    actions: effects.map((effect) => effect.action),
    effects,
    normalised,
    limits: limitsOf(imagined, isMutation(normal.operation)),
  };
  const early = judgeEarly(actor, route, { operation: normal.operation, effects, now });
  if (early.goes === 'denied') return denial(told, early.denial);
  if (early.goes === 'refused') return denial(told, early.refusal);
  const { operation } = early;
  if (!isMutation(operation)) return previewRead(imagined, told, operation);
  const asksBefore =
    operation.verb === 'replace' ||
    (operation.verb !== 'create' &&
      needsCurrent(operation, { ...route, before: 'needed' }, actor.grants, told.actions, writes));
  if (asksBefore && before === null) {
    return {
      ...told,
      verdict: { kind: 'needs-before' },
      watching: [],
      calls: [],
      unchanged: false,
    };
  }
  const seen = before === null ? null : seenOf(before, operation.type, knobs);
  const { types } = route;
  const prepared = prepare({ operation, effects, actor, types, now, knobs, privileged }, seen);
  if (isRefusal(prepared)) return denial(told, prepared);
  const actions = prepared.effects.map((effect) => effect.action);
  const judged = { ...told, actions, effects: prepared.effects };
  const decision = decideMutation(prepared, { actor, now, knobs });
  if (!decision.allowed) return denial(judged, decision);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return denial(judged, final);
  const planned = plan(final, writes, basesOf(imagined));
  if (isRefusal(planned)) return denial(judged, planned);
  const { script } = planned;
  // What takes access away goes out even where the target seems to hold it, here as in `pass`.
  const unchanged =
    script.length === 0 || changesNothing(planned.prepared, revokesOnly(prepared), knobs);
  const shown = {
    ...judged,
    operation: planned.prepared.operation,
    limits: [...told.limits, ...decision.limits],
    unchanged,
  };
  const calls = unchanged ? [] : script.map(({ call }) => call);
  return target === undefined
    ? { ...shown, verdict: allowedBy(decision, []), watching: [], calls }
    : underSafety(imagined, { target, prepared: final, decision }, { shown, calls });
};

type Allowed = Extract<Decision, { allowed: true }>;

const allowedBy = ({ rule, drop, shadow }: Allowed, trial: readonly string[]) => ({
  kind: 'allow' as const,
  rule,
  drop,
  shadow: [...shadow.map((denial) => denial.rule), ...trial],
});

type Granted = Readonly<{ target: Target; prepared: Prepared; decision: Allowed }>;

/** What rules of safety make of what the grants let pass. */
const underSafety = (
  { actor, route }: Imagined,
  { target, prepared, decision }: Granted,
  {
    shown,
    calls,
  }: { shown: Omit<Preview, 'verdict' | 'watching' | 'calls'>; calls: Preview['calls'] },
): Preview => {
  const { shadowed: trial, urgent } = decision;
  const watched = { client: actor.client.name, route, target, prepared, trial, urgent };
  const breach = protectionShown(watched);
  if (breach !== null) return denial(shown, breach);
  const allow = (rules: readonly string[]) => allowedBy(decision, rules);
  if (shown.unchanged) return { ...shown, verdict: allow([]), watching: [], calls };
  const stop = stopShown(watched);
  if (stop?.kind === 'deny') return denial(shown, stop.refusal);
  const verdict = stop?.kind === 'hold' ? stop : allow(stop?.rules ?? []);
  // Of a held one these are the calls that its release sends.
  return { ...shown, verdict, watching: watchingOf(watched), calls };
};
