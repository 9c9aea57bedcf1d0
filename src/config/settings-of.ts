/**
 * The settings a snapshot was compiled from, for comparing two snapshots: what is compiled answers
 * questions but cannot be compared. Kept beside the snapshot for as long as that lives.
 */
import type { ReceiverFacts } from '../reports/inventory.ts';
import type { Written, WrittenGrants } from '../reports/tighter-grants.ts';
import { keySlots } from '../signatures/settings.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Parsed } from './parse-sections.ts';

const known = new WeakMap<Snapshot, Parsed>();
const written = new WeakMap<Snapshot, unknown>();

/** Called once, by load.ts. `effective`: the file with includes and defaults, as written. */
export const rememberSettings = (snapshot: Snapshot, parsed: Parsed, effective: unknown): void => {
  known.set(snapshot, parsed);
  written.set(snapshot, effective);
};

/** The settings of a snapshot that `loadConfig` made; a TypeError for any other. */
export const settingsOf = (snapshot: Snapshot): Parsed => {
  const parsed = known.get(snapshot);
  if (parsed === undefined)
    throw new TypeError('only snapshots made by loadConfig can be compared');
  return parsed;
};

type Section = Readonly<Record<string, Written>>;

/** The grants of a snapshot that `loadConfig` made, as written; nothing for any other. */
export const writtenGrantsOf = (snapshot: Snapshot): WrittenGrants => {
  const { routes, permissions } = (written.get(snapshot) ?? {}) as Readonly<{
    routes?: Section;
    permissions?: Section;
  }>;
  const grants = Object.entries(routes ?? {}).map(
    ([name, route]) => [name, (route['grants'] ?? []) as readonly Written[]] as const,
  );
  return { grants: Object.fromEntries(grants), permissions: permissions ?? {} };
};

/** How webhook routes are verified: scheme and number of secrets, never one of them. */
export const receiverFactsOf = (snapshot: Snapshot): ReceiverFacts =>
  Object.fromEntries(
    [...(known.get(snapshot)?.webhooks ?? [])].map(([name, { webhook }]) => [
      name,
      { scheme: webhook.scheme, secrets: keySlots(webhook).length },
    ]),
  );
