/**
 * Who last changed what a client may do, told from digests of what the configuration says of it. Pure;
 * kept beside the last good configuration. A change whose author is not known (files that changed by
 * themselves) leaves the person of the change before: whoever once opened a door does not get rid of
 * that by touching the file again.
 */

/** Of one client. `by` null: nobody is known. */
export type GrantChange = Readonly<{ digest: string; by: string | null; at: number }>;

/** By client; null prototype. */
export type GrantChanges = Readonly<Record<string, GrantChange>>;

export const noGrantChanges: GrantChanges = Object.freeze(
  Object.create(null) as Record<string, GrantChange>,
);

/** Clients remembered that the configuration has no more: whoever comes back is known still. */
const goneMax = 1_000;

/** What is known once a configuration is in force, and which clients it changed. */
export const grantChangesOf = (
  known: GrantChanges,
  digests: Readonly<Record<string, string>>,
  { by, at }: Readonly<{ by: string | null; at: number }>,
): Readonly<{ changes: GrantChanges; clients: readonly string[] }> => {
  const changes = Object.create(null) as Record<string, GrantChange>;
  const gone = Object.keys(known).filter((client) => !Object.hasOwn(digests, client));
  for (const client of gone.slice(-goneMax)) changes[client] = known[client] as GrantChange;
  const clients: string[] = [];
  for (const [client, digest] of Object.entries(digests)) {
    const before = Object.hasOwn(known, client) ? known[client] : undefined;
    if (before?.digest === digest) {
      changes[client] = before;
      continue;
    }
    clients.push(client);
    changes[client] = { digest, by: by ?? before?.by ?? null, at };
  }
  return { changes, clients: clients.sort() };
};

/** What was kept, read again; anything else counts as nothing known. */
export const readGrantChanges = (kept: unknown): GrantChanges => {
  const out = Object.create(null) as Record<string, GrantChange>;
  if (typeof kept !== 'object' || kept === null) return out;
  for (const [client, change] of Object.entries(kept as Record<string, GrantChange>)) {
    out[client] = change;
  }
  return out;
};
