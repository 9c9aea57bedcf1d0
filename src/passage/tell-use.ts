/** Tells which rule decided, for the report of what is granted and used; no work where nobody listens. */
import type { Clock } from '../clock.ts';
import type { Journey } from './journey.ts';
import { noSafeguards, type Safeguards } from './safeguards.ts';

const attributesOf = (effects: Journey['effects']): readonly string[] => {
  const [first, second] = effects;
  if (second === undefined) return first?.attributes ?? [];
  return effects.flatMap(({ attributes }) => attributes);
};

/** Of one journey, once, when its decision is made; people are nobody's grant. */
export const tellUse = (
  { safeguards, clock }: Readonly<{ safeguards: Safeguards; clock: Pick<Clock, 'now'> }>,
  journey: Journey,
): void => {
  const { uses } = safeguards;
  const { granted, passage, effects, actions } = journey;
  if (uses === noSafeguards.uses || journey.decision === null) return;
  if (passage.actor.kind === 'person') return;
  uses.used({
    at: clock.now(),
    route: passage.route.name,
    client: passage.actor.client.name,
    rule: granted?.rule ?? journey.rule ?? '',
    actions,
    attributes: attributesOf(effects),
    // A guard that stops it, or people who are asked, take nothing from what grants said.
    verdict: granted === null ? 'denied' : 'allowed',
    shadow: granted?.shadow ?? [],
  });
};
