/**
 * A preset as data: how one source's bodies are split and what its items mean. One file per source or
 * family under sources/, one line in table.ts. Pure; what a preset leaves out is filled by
 * compile-reader.ts.
 */
import type { Json } from '../json-value.ts';
import type { EventKind, LifecycleEvent } from './event.ts';

/** How a body may be written. Which one it is, the body itself says. */
export type BodyForm = 'json' | 'json-lines' | 'form' | 'xml';

/** One item of a body, and what lies around it. */
export type Item = Readonly<{
  item: Json;
  /** The whole body. */
  body: Json;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Zone of days and of times without an offset, where the source has no rule of its own. */
  zone: string;
}>;

/** What an item means; absent = the source does not say. `raw` only where it is not the item itself. */
export type Reading = Readonly<
  Partial<Omit<LifecycleEvent, 'source' | 'kind' | 'changed' | 'cancels'>> & {
    kind?: EventKind;
    changed?: readonly string[];
    cancels?: readonly EventKind[];
  }
>;

/** How sure we are of a mapping; `unverified` is shown wherever the mapping is. */
export type MappingConfidence = 'documented' | 'unverified';

export type Mapping = Readonly<{
  name: string;
  /** Names of senders that it is the preset of. */
  senders: readonly string[];
  confidence: MappingConfidence;
  /** Where it was read. */
  source: string;
  forms: readonly BodyForm[];
  /** Paths of the list whose items are events; the first that is a list is taken, none = the body is one event. */
  lists: readonly string[];
  read(item: Item): Reading;
  /** Does it announce what is to come? Without a date that is nothing to act on, and its kind `other`. */
  announces(event: Pick<LifecycleEvent, 'type' | 'raw'>): boolean;
  /** One line for the README: what a person must know. */
  note: string;
}>;
