/**
 * What reading one request collects: the quirks repaired so far and the first refusal. The
 * canonicalising functions share one Reading and return plain values, so that no value of the
 * caller, whatever its names, can be mistaken for a refusal.
 */
import { refuse } from '../../errors.ts';
import type { ErrorCode, Refusal } from '../../errors.ts';
import { noteOf } from '../dialects/table.ts';
import type { Repair } from './schema-model.ts';

/** Who is believed to send. A hint only: quirks are recognised in each request by shape (C19). */
export type DialectHints = Readonly<{ client: 'entra' | 'okta' | 'rfc' | null }>;

/** Mutable while one request is read; never kept. */
export type Reading = {
  readonly repairs: Repair[];
  readonly known: Set<string>;
  refusal: Refusal | null;
};

/** Repairs reported for one request; more of them say nothing new. */
const repairsMax = 100;

/** A Reading with nothing collected. */
export const newReading = (): Reading => ({ repairs: [], known: new Set(), refusal: null });

/** Notes that quirk `row` was repaired at `path`: once per row and path, whatever the count. */
export const repaired = (reading: Reading, row: string, path: string): void => {
  const key = `${row} ${path}`;
  if (reading.known.has(key) || reading.repairs.length >= repairsMax) return;
  reading.known.add(key);
  reading.repairs.push({ row, path, note: noteOf(row) });
};

/** Notes the first refusal; later ones are ignored. */
export const refused = (
  reading: Reading,
  code: ErrorCode,
  detail: string,
  more: Omit<Refusal, 'refused' | 'detail'> = {},
): void => {
  reading.refusal ??= refuse(code, detail, more);
};

/** The caller's own text, fit for a public detail: 60 characters at most, one line, in quotes. */
export const quoted = (text: string): string => {
  // U+FFFD for all that could steer a terminal or hide what is written (control, bidi, zero width).
  const clean = text.slice(0, 60).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u{FFFD}');
  return `"${clean}${text.length > 60 ? '…' : ''}"`;
};
