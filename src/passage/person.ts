/**
 * A person as the one who walks: undo, and restoring what drifted. Their role was asked for before; on
 * the route they hold every action, so that guards, protection, holds and freezes alone stand in their
 * way. In the ledger they stand under their own name.
 */
import { actionsOf } from '../policy/actions.ts';
import { everything } from '../policy/attribute-set.ts';
import type { CompiledRule, Grants } from '../policy/decision.ts';
import type { Client, Route } from '../snapshot.ts';
import type { Actor } from './doors.ts';

const never = Number.POSITIVE_INFINITY;

const ruleOf = (word: string): CompiledRule => ({
  name: 'person',
  actions: new Set(actionsOf(word)),
  write: everything,
  denied: 'refuse',
  read: everything,
  group: null,
  when: null,
});

const grantsOf = (name: string, route: Pick<Route, 'types'>): Grants => {
  const rules = Object.create(null) as Record<string, CompiledRule>;
  for (const { word } of Object.values(route.types)) rules[word] = ruleOf(word);
  return {
    client: name,
    grants: [
      {
        name: 'person',
        client: name,
        rules,
        mode: 'enforce',
        until: never,
        me: null,
        limitReads: null,
        limitWrites: null,
        urgent: null,
      },
    ],
    me: null,
    // What may be written may be meant; undo itself never carries one.
    keepsPassword: true,
    needsBefore: () => true,
    needsGroupName: () => false,
  };
};

const clientOf = (name: string): Client => ({
  name,
  settings: {
    owner: name,
    purpose: 'acts in person',
    expires: never,
    auth: ['internal'],
    whenHeld: 'refuse',
  },
  expiresAt: never,
  internal: true,
  pin: null,
  limitReads: null,
  limitWrites: null,
});

/** The actor of what a person does by hand on this route; `name` is the person's, or `local`. */
export const personActor = (name: string, route: Pick<Route, 'types'>): Actor => ({
  kind: 'person',
  client: clientOf(name),
  keyId: null,
  grants: grantsOf(name, route),
});
