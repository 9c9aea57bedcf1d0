/**
 * What a route says of safety beside its grants: which changes wait for people, who else is asked, and
 * what is read back.
 */
import type { ResourceType } from '../identity/scim/schema-model.ts';
import { compileMutations } from '../policy/safety-tools.ts';
import type { Approval, DecisionPoint } from '../policy/safety.ts';
import type { Route } from '../snapshot.ts';
import type { ProblemAt } from './compile-routes.ts';
import { didYouMean } from './problem.ts';
import type { RouteSettings } from './schema.ts';

type Types = Readonly<Record<string, ResourceType>>;
type Tools = Readonly<{ problem: ProblemAt; near: typeof didYouMean }>;

const approvalOf = (
  name: string,
  { approval }: RouteSettings,
  types: Types,
  tools: Tools,
): Approval | null => {
  if (approval === undefined) return null;
  const at = ['routes', name, 'approval', 'required'];
  return Object.freeze({
    required: compileMutations(approval.required, types, at, tools),
    by: approval.by,
    expiresMs: approval.expires,
    rememberMs: approval.remember,
    keepsPasswords: approval.passwords === 'keep',
  });
};

const decisionPointOf = (
  name: string,
  { authzen, scim }: RouteSettings,
  types: Types,
  tools: Tools,
): DecisionPoint | null => {
  if (authzen === undefined) return null;
  const at = ['routes', name, 'authzen'];
  if (authzen.target === scim)
    tools.problem([...at, 'target'], 'the decision point is another target than the one it guards');
  const { actions } = authzen;
  return Object.freeze({
    target: authzen.target,
    path: authzen.path,
    timeoutMs: authzen.timeout,
    actions:
      actions === undefined ? null : compileMutations(actions, types, [...at, 'actions'], tools),
    rule: `routes.${name}.authzen`,
  });
};

const checkTimes = (name: string, { verify }: RouteSettings, { problem }: Tools): void => {
  const { again, every } = verify;
  const at = ['routes', name, 'verify'];
  again.forEach((ms, index) => {
    const before = again[index - 1];
    if (before !== undefined && ms <= before)
      problem([...at, 'again', index], 'each time lies after the one before it');
  });
  if (every !== null && every <= (again.at(-1) ?? 0))
    problem([...at, 'every'], 'longer than the last of again');
};

/** `verify`, `approval` and `authzen` of one route; what has a problem is told at its place. */
export const compileRouteSafety = (
  name: string,
  settings: RouteSettings,
  types: Types,
  problem: ProblemAt,
): Pick<Route, 'verify' | 'verifyAgain' | 'approval' | 'decisionPoint'> => {
  const tools: Tools = { problem, near: didYouMean };
  const { verify } = settings;
  checkTimes(name, settings, tools);
  const at = ['routes', name, 'verify', ...(verify.listed ? [] : ['actions'])];
  return {
    verify: compileMutations(verify.actions, types, at, tools),
    verifyAgain: { afterMs: verify.again, everyMs: verify.every },
    approval: approvalOf(name, settings, types, tools),
    decisionPoint: decisionPointOf(name, settings, types, tools),
  };
};
