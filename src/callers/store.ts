/** The port through which keys of clients and tokens of people are kept. Only hashes are stored. */
import type { KeyId } from '../ids.ts';

/** A key or token without its secret. Times are ms since the epoch. */
export type StoredKey = Readonly<{
  id: KeyId;
  kind: 'client' | 'person';
  /** Client name or person's name. */
  holder: string;
  environment: string;
  /** SHA-256 of the whole token, 32 bytes. */
  hash: Buffer;
  issuedAt: number;
  /** Person or `local` who issued it. */
  issuedBy: string;
  expiresAt: number;
  revokedAt: number | null;
  lastUsedAt: number | null;
}>;

/** Each method is one transaction; limits are part of it. */
export interface KeyStore {
  /** Adds one key; refuses (false) beyond 20 live keys of one holder. */
  addKey(key: StoredKey, now: number): Promise<boolean>;
  /** All keys that are not expired for more than 30 days, at most 10,000, oldest first. */
  listKeys(now: number): Promise<readonly StoredKey[]>;
  /** Ends a key at `at` (now, or later for an overlap); the earlier end wins. False if unknown. */
  endKey(id: KeyId, at: number, now: number): Promise<boolean>;
  /** Notes when keys were last used; at most 1,000 a call; never moves backwards. */
  touchKeys(used: readonly Readonly<{ id: KeyId; at: number }>[]): Promise<void>;
}
