/**
 * The normalisers. A new one is one file and one line here; the settings, the JSON Schema, the README
 * list and the conformance tests iterate this table, and nobody compares names.
 */
import { boolean } from './boolean.ts';
import { country } from './country.ts';
import { defaultValue } from './default.ts';
import { dropEmpty } from './drop-empty.ts';
import { email } from './email.ts';
import { languageTag } from './language-tag.ts';
import { lowercase } from './lowercase.ts';
import { map } from './map.ts';
import { nfc } from './nfc.ts';
import type { Normaliser } from './normaliser.ts';
import { phone } from './phone.ts';
import { timeZone } from './time-zone.ts';
import { trim } from './trim.ts';

/** Descriptors as their callers hold them: each checks its own options by its own schema. */
type AnyNormaliser = Normaliser<never>;

const all: readonly AnyNormaliser[] = [
  trim,
  nfc,
  lowercase,
  email,
  phone,
  country,
  languageTag,
  timeZone,
  boolean,
  map,
  defaultValue,
  dropEmpty,
] as readonly unknown[] as readonly AnyNormaliser[];

/** By the name a route file uses; null prototype, frozen. */
export const normalisers: Readonly<Record<string, AnyNormaliser>> = Object.freeze(
  Object.assign(
    Object.create(null) as Record<string, AnyNormaliser>,
    Object.fromEntries(all.map((normaliser) => [normaliser.name, normaliser])),
  ),
);
