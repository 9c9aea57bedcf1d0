/**
 * Marks in memory, by tenant, word and id: which rules protect a resource is two Map accesses. The
 * table is swapped whole on a read of the store; what is found meanwhile is added, never taken away.
 * A mark is found by its id in any letter case, as many targets find the resource.
 */
import { idKey } from '../policy/fold-key.ts';
import type { ProtectionMark } from './mark-store.ts';

/** What names a mark. */
export type MarkName = Pick<ProtectionMark, 'tenant' | 'rule' | 'word' | 'id'>;

export type MarkTable = Readonly<{
  /** Names of the rules that mark this resource; empty = none. */
  rulesOf(tenant: string, word: string, id: string): readonly string[];
  has(mark: MarkName): boolean;
  /** False where it is there already. */
  add(mark: ProtectionMark): boolean;
  /** All of them, as they were found. */
  all(): readonly ProtectionMark[];
}>;

type Entry = readonly ProtectionMark[];

const none: readonly string[] = Object.freeze([]);

/** The key of a mark among the marks of its tenant, rule aside. */
const placeOf = (word: string, id: string): string => `${word}\n${idKey(id)}`;

/** One text that names a mark. */
export const markKey = ({ tenant, rule, word, id }: MarkName): string =>
  `${tenant}\n${rule}\n${word}\n${id}`;

/** A table of these marks. */
export const makeMarkTable = (marks: readonly ProtectionMark[]): MarkTable => {
  const tenants = new Map<string, Map<string, Entry>>();
  const has = ({ tenant, rule, word, id }: MarkName): boolean =>
    tenants
      .get(tenant)
      ?.get(placeOf(word, id))
      ?.some((one) => one.rule === rule && one.id === id) ?? false;
  const add = (mark: ProtectionMark): boolean => {
    if (has(mark)) return false;
    const entries = tenants.get(mark.tenant) ?? new Map<string, Entry>();
    tenants.set(mark.tenant, entries);
    const place = placeOf(mark.word, mark.id);
    entries.set(place, [...(entries.get(place) ?? []), mark]);
    return true;
  };
  for (const mark of marks) add(mark);
  return {
    rulesOf: (tenant, word, id) => {
      const entry = tenants.get(tenant)?.get(placeOf(word, id));
      return entry === undefined ? none : [...new Set(entry.map(({ rule }) => rule))];
    },
    has,
    add,
    all: () => [...tenants.values()].flatMap((entries) => [...entries.values()].flat()),
  };
};
