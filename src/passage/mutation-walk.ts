/** What a mutation carries along on its way through the passage. Types only. */
import type { Effect, Mutation } from '../identity/operation.ts';
import type { Target } from '../snapshot.ts';
import type { PassageDeps } from './exits.ts';
import type { Journey } from './journey.ts';

export type MutationWalk = Readonly<{
  deps: PassageDeps;
  journey: Journey;
  target: Target;
  effects: readonly Effect[];
  operation: Mutation;
}>;
