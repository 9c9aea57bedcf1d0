/** What a verification knows while it goes through the evidence, and the problems it can find. */
import type { KeyObject } from 'node:crypto';
import { ledgerId } from '../ids.ts';
import type { OutcomeIndex } from './store.ts';
import type { ChainHead } from './writer-store.ts';

export type ProblemCode =
  /** A record's text does not give the chain value that stands beside it. */
  | 'edited'
  /** Records are missing between two others. */
  | 'missing'
  /** Records stand in another order, twice, or go back in time. */
  | 'order'
  /** Bytes that no key opens, or a line that is nothing. */
  | 'unreadable'
  /** The ledger's own checkpoints, or its end line, know more records than there are. */
  | 'cut'
  /** A checkpoint held elsewhere knows more records: an old copy, or a cut tail. */
  | 'behind'
  /** The chain is sound in itself, but not the one a checkpoint signed. */
  | 'rewritten'
  /** A checkpoint's signature is not of the given key, or it is no checkpoint. */
  | 'signature'
  /** Index rows say something else than the records. */
  | 'index'
  /** A body is not the one its record names. */
  | 'body'
  /** A record's time lies in the future. */
  | 'future';

export type Problem = Readonly<{ code: ProblemCode; at: string; message: string }>;

export type VerifyOptions = Readonly<{
  /** Ed25519; without it signatures are not checked. */
  publicKey?: KeyObject;
  /** One or more notes held outside the gateway. */
  sinceCheckpoint?: string;
  /** What stands there is no later; asked again and again where records are written meanwhile. */
  now: number | (() => number);
}>;

/** Problems kept; all are counted. */
const problemsMax = 1_000;

/** A checkpoint that waits for its chain. */
export type Expected = Readonly<{ size: number; digest: Buffer; outside: boolean }>;

/** What a verification knows so far. */
export type State = {
  readonly options: VerifyOptions;
  readonly problems: Problem[];
  problemCount: number;
  records: number;
  entries: number;
  checkpoints: number;
  unchecked: number;
  /** Checkpoints not reached yet, by writer and size. */
  readonly expected: Map<string, Map<number, readonly Expected[]>>;
  /** Claimed outcome rows whose record was not reached yet. */
  readonly claimed: Map<string, OutcomeIndex>;
  /** Outcomes found in another chain than their entry's, whose entry was not reached yet. */
  readonly foreign: Map<string, OutcomeIndex>;
  /** Chains that ended, with their first and last record. */
  readonly ended: Map<string, Readonly<{ first: number; size: number }>>;
  /** The newest joint note, and the heads that joint notes name. */
  joint: Readonly<{ number: number; note: string }> | null;
  readonly joined: Map<string, ChainHead>;
  /** Joint notes held elsewhere, by number. */
  readonly jointsOutside: Map<number, string>;
  writer: string;
  first: number;
  next: number;
  digest: Buffer;
  lastAt: number;
  inChain: boolean;
  /** Does the evidence bring index rows? An export does not. */
  indexed: boolean;
};

/** Notes a problem. */
export const report = (state: State, code: ProblemCode, at: string, message: string): void => {
  state.problemCount += 1;
  if (state.problems.length < problemsMax) state.problems.push({ code, at, message });
};

/** How people know a record of the present chain. */
export const nameOf = (state: State, sequence: number): string =>
  /^[0-9a-f]{8}$/.test(state.writer) ? ledgerId(state.writer, sequence) : `record ${sequence}`;

/** Nothing known yet. */
export const beginState = (options: VerifyOptions): State => ({
  options,
  problems: [],
  problemCount: 0,
  records: 0,
  entries: 0,
  checkpoints: 0,
  unchecked: 0,
  expected: new Map(),
  claimed: new Map(),
  foreign: new Map(),
  ended: new Map(),
  joint: null,
  joined: new Map(),
  jointsOutside: new Map(),
  writer: '',
  first: 1,
  next: 1,
  digest: Buffer.alloc(0),
  lastAt: 0,
  inChain: false,
  indexed: false,
});
