/**
 * Break-glass: one named person asks, with a reason and an end; another, who does not own the client,
 * approves; both stand in the ledger, and it is loud while it is in force. Who may be asked is judged
 * here; the store's compare-and-set decides where two act at once.
 */
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { newOverrideId, type OverrideId, type Random } from '../ids.ts';
import { foldKey } from '../policy/fold-key.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Observer } from '../telemetry/observe.ts';
import type { Override, OverrideStore } from './override-store.ts';
import type { OverrideStanding } from './override-standing.ts';

/** Longest time an override may be in force, ms. */
export const overrideMsMax = 86_400_000;

/** What is asked for. */
export type OverrideWish = Pick<
  Override,
  'tenant' | 'rule' | 'client' | 'subject' | 'reason' | 'until'
>;

/** Who acts; `named` is false for whoever only holds the store's files. */
export type Acting = Readonly<{ name: string; named: boolean }>;

export type Overrides = Readonly<{
  ask(wish: OverrideWish, by: Acting): Promise<Override | Refusal>;
  approve(id: OverrideId, by: Acting): Promise<Override | Refusal>;
  end(id: OverrideId): Promise<boolean>;
  /** Asked for, in force, and ended ones of the last 30 days; newest first. */
  list(): Promise<readonly Override[]>;
}>;

const unnamed = refuse(
  'action_denied',
  'An override needs named people: use a token of your own, at the running gateway.',
);

/** Names of people as one compares them: an owner is written by hand. */
const samePerson = (one: string, other: string): boolean =>
  foldKey(one.trim()) === foldKey(other.trim());

/** Why nobody may ask for this, or null. */
const wishProblem = (snapshot: Snapshot, wish: OverrideWish, now: number): Refusal | null => {
  const { tenant, rule, client, until } = wish;
  const safety = Object.hasOwn(snapshot.tenants, tenant) ? snapshot.tenants[tenant] : undefined;
  if (safety?.protections.some(({ name }) => name === rule) !== true) {
    return refuse('value_invalid', 'No rule of that name protects anybody in that tenant.');
  }
  if (!Object.hasOwn(snapshot.clients, client)) {
    return refuse('value_invalid', 'There is no such client in the configuration.');
  }
  if (until <= now || until > now + overrideMsMax) {
    return refuse('value_invalid', 'until: an override ends within 24 hours from now.');
  }
  return null;
};

/** Why this person may not approve it, or null. */
const approvalProblem = (
  snapshot: Snapshot,
  override: Override,
  by: Acting,
  now: number,
): Refusal | null => {
  if (!by.named) return unnamed;
  if (override.endedAt !== null || now >= override.until) {
    return refuse('value_invalid', 'This override is over.');
  }
  if (override.approvedAt !== null) return refuse('value_invalid', 'It is approved already.');
  if (samePerson(override.by, by.name)) {
    return refuse('action_denied', 'Another person than the one who asked must approve it.');
  }
  const { clients } = snapshot;
  const client = Object.hasOwn(clients, override.client) ? clients[override.client] : undefined;
  if (client === undefined) {
    return refuse('value_invalid', 'Its client is not in the configuration any more.');
  }
  if (samePerson(client.settings.owner, by.name)) {
    return refuse('action_denied', "The client's owner cannot approve it.");
  }
  return null;
};

export const makeOverrides = (deps: {
  store: OverrideStore;
  standing: Pick<OverrideStanding, 'refresh'>;
  clock: Clock;
  random: Random;
  observer: Pick<Observer, 'note'>;
  snapshot: () => Snapshot;
}): Overrides => {
  const { store, standing, clock, random, observer, snapshot } = deps;
  const unknown = refuse('value_invalid', 'There is no such override.');
  const find = async (id: OverrideId): Promise<Override | Refusal> =>
    (await store.list(clock.now())).find((one) => one.id === id) ?? unknown;

  return {
    ask: async (wish, by) => {
      const now = clock.now();
      const problem = by.named ? wishProblem(snapshot(), wish, now) : unnamed;
      if (problem !== null) return problem;
      const override: Override = {
        ...wish,
        id: newOverrideId(now, random),
        by: by.name,
        at: now,
        approvedBy: null,
        approvedAt: null,
        endedAt: null,
      };
      if (!(await store.add(override, now))) {
        return refuse('value_invalid', '100 overrides are open already; end some first.');
      }
      const { id, tenant, rule, client } = override;
      observer.note('warn', 'protection.override.asked', { override: id, tenant, rule, client });
      return override;
    },
    approve: async (id, by) => {
      const found = await find(id);
      if (isRefusal(found)) return found;
      const now = clock.now();
      const problem = approvalProblem(snapshot(), found, by, now);
      if (problem !== null) return problem;
      if (!(await store.approve(id, by.name, now))) {
        return refuse('value_invalid', 'It was approved or ended meanwhile.');
      }
      const { tenant, rule, client, subject, until } = found;
      observer.note('error', 'protection.override', {
        override: id,
        tenant,
        rule,
        client,
        everySubject: subject === null,
        until: new Date(until).toISOString(),
      });
      await standing.refresh();
      return { ...found, approvedBy: by.name, approvedAt: now };
    },
    end: async (id) => {
      const ended = await store.end(id, clock.now());
      if (ended) observer.note('warn', 'protection.override.ended', { override: id });
      await standing.refresh();
      return ended;
    },
    list: () => store.list(clock.now()),
  };
};
