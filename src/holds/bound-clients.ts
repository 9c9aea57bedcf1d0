/**
 * Which clients have something that waits or was rejected of late, in memory: whoever has nothing of it
 * is not asked about in the store. May name one too many, never one too few of what this gateway did
 * itself; what others did it knows with their news. Until the first look, and beyond its bounds, everyone.
 */
import type { HoldStore } from './hold-store.ts';

/** Clients remembered (HoldStore.bound gives one more where there are more). */
const clientsMax = 1_000;

export type BoundClients = Readonly<{
  has(client: string): boolean;
  /** Something of this client waits now. */
  add(client: string): void;
  /** Looks anew; rejections count from `since` on, wall ms. Rejects where the store does. */
  refresh(since: number): Promise<void>;
}>;

/** Makes it; everyone until it is refreshed. */
export const makeBoundClients = (store: Pick<HoldStore, 'bound'>): BoundClients => {
  /** Null: everyone. */
  let known: ReadonlySet<string> | null = null;
  /** By client, the look that may not have seen it. */
  const added = new Map<string, number>();
  let looks = 0;
  return {
    has: (client) => known === null || known.has(client) || added.has(client),
    add: (client) => void added.set(client, looks),
    refresh: async (since) => {
      looks += 1;
      const look = looks;
      const clients = await store.bound(since);
      known = clients.length > clientsMax ? null : new Set(clients);
      for (const [client, at] of added) if (at < look) added.delete(client);
    },
  };
};
