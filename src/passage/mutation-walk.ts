/** What a mutation carries along on its way through the passage. Types only. */
import type { Effect, Mutation } from '../identity/operation.ts';
import type { Target } from '../snapshot.ts';
import type { PassageDeps } from './exits.ts';
import type { Journey } from './journey.ts';
import type { Turn } from './turns.ts';

export type MutationWalk = Readonly<{
  deps: PassageDeps;
  journey: Journey;
  target: Target;
  effects: readonly Effect[];
  operation: Mutation;
  /** Under which it is made; not there before it was given. */
  turn?: Turn;
}>;
