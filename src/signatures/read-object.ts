/**
 * A JSON object out of a message's bytes, for schemes and handshakes that stand in the body. Strict,
 * as events are read later: what two readers could read differently is nothing at all.
 */
import { isUtf8 } from 'node:buffer';
import { isRefusal } from '../errors.ts';
import { parseJson } from '../identity/json.ts';
import { isObject, type JsonObject } from '../identity/json-value.ts';

/** The object that `bytes` are, or null: no UTF-8, no JSON, a name given twice, too long (bytes), no object. */
export const readObject = (bytes: Buffer, bytesMax: number): JsonObject | null => {
  if (bytes.length > bytesMax || !isUtf8(bytes)) return null;
  const parsed = parseJson(bytes.toString('utf8'), { names: 'any' });
  return isRefusal(parsed) || !isObject(parsed) ? null : parsed;
};
