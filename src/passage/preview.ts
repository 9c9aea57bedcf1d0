/**
 * What a call would mean and whether it would pass, without a target, a ledger or a limit: the same
 * steps as `pass`, over a current resource that is given instead of read. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { isMutation, type Action, type Operation } from '../identity/operation.ts';
import type { NormalisedPath } from '../identity/attributes/profile.ts';
import type { Call } from '../identity/call.ts';
import { printCall } from '../identity/scim/print.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { decide } from '../policy/decide.ts';
import type { CompiledLimit, Denial } from '../policy/decision.ts';
import type { Actor, Passage } from './doors.ts';
import { needsCurrent } from './facts.ts';
import { judgeEarly } from './judge-early.ts';
import { normaliseOperation } from './normalise.ts';
import { callOf, changesNothing, decideMutation, prepare, stripped } from './prepare.ts';
import { copyScopeOf, withoutHiddenTags, withParts } from './scope.ts';

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
  normalised: readonly NormalisedPath[];
  verdict:
    | Readonly<{ kind: 'allow'; rule: string; drop: readonly string[]; shadow: readonly Denial[] }>
    | Readonly<{ kind: 'deny'; refusal: Refusal | Denial }>
    /** It cannot be told without the current resource: give it with `--before`. */
    | Readonly<{ kind: 'needs-before' }>;
  limits: readonly CompiledLimit[];
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

type Told = Pick<Preview, 'operation' | 'actions' | 'normalised' | 'limits'>;

const denial = (told: Told, refusal: Refusal | Denial): Preview => ({
  ...told,
  verdict: { kind: 'deny', refusal },
  calls: [],
  unchanged: false,
});

const previewRead = (imagined: Imagined, told: Told, operation: Operation): Preview => {
  const decision = decide(imagined.actor.grants, {
    type: operation.verb === 'discover' ? null : operation.type,
    effects: told.actions.map((action) => ({ action, attributes: [] })),
    client: imagined.actor.client.name,
    now: imagined.now,
  });
  if (!decision.allowed) return denial(told, decision);
  const { rule, drop, shadow, limits } = decision;
  const bases = basesOf(imagined);
  return {
    ...told,
    limits: [...told.limits, ...limits],
    verdict: { kind: 'allow', rule, drop, shadow },
    calls: [printCall(withParts(operation, bases.copies), bases)],
    unchanged: false,
  };
};

/** Looks at a passage. Never throws for what the call says. */
export const preview = (imagined: Imagined): Preview => {
  const { actor, route, before, now } = imagined;
  const normal = normaliseOperation(imagined.operation, route, before);
  const nothing = { operation: imagined.operation, actions: [], normalised: [], limits: [] };
  if (isRefusal(normal)) return denial(nothing, normal);
  const { effects, normalised } = normal;
  let { operation } = normal;
  const told: Told = {
    operation,
    actions: effects.map((effect) => effect.action),
    normalised,
    limits: limitsOf(imagined, isMutation(operation)),
  };
  const early = judgeEarly(actor, { operation, effects, types: route.types, now });
  if (early !== null) return denial(told, early);
  const untagged = withoutHiddenTags(actor, operation, route.types, now);
  if (isRefusal(untagged)) return denial(told, untagged);
  operation = untagged;
  if (!isMutation(operation)) return previewRead(imagined, told, operation);
  const asksBefore =
    operation.verb === 'replace' ||
    (operation.verb !== 'create' &&
      needsCurrent(operation, { ...route, before: 'needed' }, actor.grants, told.actions));
  if (asksBefore && before === null) {
    return { ...told, verdict: { kind: 'needs-before' }, calls: [], unchanged: false };
  }
  const prepared = prepare({ operation, effects, actor, types: route.types, now }, before);
  if (isRefusal(prepared)) return denial(told, prepared);
  const actions = prepared.effects.map((effect) => effect.action);
  const decision = decideMutation(prepared, { actor, now });
  if (!decision.allowed) return denial({ ...told, actions }, decision);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return denial({ ...told, actions }, final);
  const unchanged = changesNothing(final, false);
  return {
    ...told,
    operation: final.operation,
    actions,
    limits: [...told.limits, ...decision.limits],
    verdict: {
      kind: 'allow',
      rule: decision.rule,
      drop: decision.drop,
      shadow: decision.shadow,
    },
    calls: unchanged ? [] : [callOf(final, basesOf(imagined))],
    unchanged,
  };
};
