/**
 * Keyed hashes by which deliveries find each other: the line they wait in and the subject they are
 * about. No subject is stored in clear, and equal ones are equal under one key ring.
 */
import type { KeyRing } from '../sealing.ts';

/** Makes hashes of 16 bytes; KeyRing.fingerprint does. */
export type Fingerprint = KeyRing['fingerprint'];

const hashBytes = 16;

/** 16 bytes over parts that no text can shift between: they are counted. */
export const hashOf = (fingerprint: Fingerprint, what: string, parts: readonly string[]): Buffer =>
  fingerprint(JSON.stringify([what, ...parts])).subarray(0, hashBytes);

/** The line of a lane's deliveries that go by `order`; '' = those of nobody known, one line. */
export const lineOf = (fingerprint: Fingerprint, lane: string, order: string): Buffer =>
  hashOf(fingerprint, 'line', [lane, order]);

/** The subject alone, for look-ups across lanes. */
export const subjectHash = (fingerprint: Fingerprint, subject: string): Buffer =>
  hashOf(fingerprint, 'subject', [subject]);
