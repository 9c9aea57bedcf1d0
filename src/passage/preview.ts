/**
 * What a call would mean and whether it would pass, without a target, a ledger or a limit: the same
 * steps as `pass`, over a current resource that is given instead of read. Pure.
 */
import { isRefusal, type Refusal } from '../errors.ts';
import { isMutation, type Action, type Operation } from '../identity/operation.ts';
import type { NormalisedPath } from '../identity/attributes/profile.ts';
import type { Call } from '../identity/call.ts';
import { rfcKnobs } from '../identity/dialects/knobs.ts';
import { printCall } from '../identity/scim/print.ts';
import type { Resource } from '../identity/scim/schema-model.ts';
import { decide } from '../policy/decide.ts';
import type { CompiledLimit, Denial } from '../policy/decision.ts';
import type { Actor, Passage } from './doors.ts';
import { needsCurrent, seenOf } from './facts.ts';
import { judgeEarly } from './judge-early.ts';
import { normaliseOperation } from './normalise.ts';
import { changesNothing, decideMutation, plan, prepare, stripped } from './prepare.ts';

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

const basesOf = ({ snapshot, route, publicBase }: Imagined) => ({
  publicBase,
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
  return {
    ...told,
    limits: [...told.limits, ...limits],
    verdict: { kind: 'allow', rule, drop, shadow },
    calls: [printCall(operation, basesOf(imagined))],
    unchanged: false,
  };
};

/** Looks at a passage. Never throws for what the call says. */
export const preview = (imagined: Imagined): Preview => {
  const { actor, route, before, now } = imagined;
  const target = imagined.snapshot.targets[route.target];
  const knobs = target?.knobs ?? rfcKnobs;
  const writes = { knobs, plainWrites: target?.plainWrites ?? true };
  const normal = normaliseOperation(imagined.operation, route, before, knobs);
  const nothing = { operation: imagined.operation, actions: [], normalised: [], limits: [] };
  if (isRefusal(normal)) return denial(nothing, normal);
  const { operation, effects, normalised } = normal;
  const told: Told = {
    operation,
    actions: effects.map((effect) => effect.action),
    normalised,
    limits: limitsOf(imagined, isMutation(operation)),
  };
  const early = judgeEarly(actor, operation, effects, now);
  if (early !== null) return denial(told, early);
  if (!isMutation(operation)) return previewRead(imagined, told, operation);
  const asksBefore =
    operation.verb === 'replace' ||
    (operation.verb !== 'create' &&
      needsCurrent(operation, { ...route, before: 'needed' }, actor.grants, told.actions, writes));
  if (asksBefore && before === null) {
    return { ...told, verdict: { kind: 'needs-before' }, calls: [], unchanged: false };
  }
  const seen = before === null ? null : seenOf(before, operation.type, knobs);
  const prepared = prepare({ operation, effects, actor, now, knobs }, seen);
  if (isRefusal(prepared)) return denial(told, prepared);
  const actions = prepared.effects.map((effect) => effect.action);
  const decision = decideMutation(prepared, { actor, now, knobs });
  if (!decision.allowed) return denial({ ...told, actions }, decision);
  const final = stripped(prepared, decision.drop);
  if (isRefusal(final)) return denial({ ...told, actions }, final);
  const planned = plan(final, writes, basesOf(imagined));
  if (isRefusal(planned)) return denial({ ...told, actions }, planned);
  const { script } = planned;
  const unchanged = script.length === 0 || changesNothing(planned.prepared, false, knobs);
  return {
    ...told,
    operation: planned.prepared.operation,
    actions,
    limits: [...told.limits, ...decision.limits],
    verdict: {
      kind: 'allow',
      rule: decision.rule,
      drop: decision.drop,
      shadow: decision.shadow,
    },
    calls: unchanged ? [] : script.map(({ call }) => call),
    unchanged,
  };
};
