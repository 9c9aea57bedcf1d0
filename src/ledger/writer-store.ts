/**
 * The port through which several gateways write one ledger. Each writes a chain of its own for as
 * long as its lease is renewed; the store's clock decides when a lease has ended. A chain whose
 * writer died is closed by another gateway, which from then on answers for its open entries; a closed
 * chain takes no record any more, so a gateway that was only asleep finds out at its next append.
 * Chains are joined by signed notes over all of them.
 */
import type { Head } from './store.ts';

/** What a gateway tells of itself. */
export type AboutGateway = Readonly<{
  /** Host and process, for people. */
  name: string;
  /** Version of the snapshot in force, or ''. */
  version: string;
}>;

/** One gateway that holds a lease. Times are the store's, ms. */
export type LiveGateway = AboutGateway &
  Readonly<{ writer: string; startedAt: number; leaseUntil: number }>;

/** Where one chain stands; `closed` chains never grow. */
export type ChainHead = Readonly<{
  writer: string;
  size: number;
  digest: Buffer;
  closed: boolean;
}>;

/** One signed note over several chains; numbered from 1 without gaps. */
export type JointNote = Readonly<{ number: number; at: number; note: string }>;

export interface WriterStore {
  /**
   * Takes a chain and a lease on it: one that was released, else a new one under `candidate` (eight
   * hex digits). With `start` (a copy) it is the chain of `candidate` itself: taken up again where its
   * lease ended and nobody closed it, else a new one that begins behind records which lie elsewhere.
   */
  claim(
    claim: AboutGateway &
      Readonly<{
        candidate: string;
        leaseMs: number;
        start?: Readonly<{ first: number; previous: Buffer; at: number }>;
      }>,
  ): Promise<Head & Readonly<{ storeNow: number }>>;
  /**
   * Extends the lease from now on; `held` is false where another gateway closed the chain. Live
   * gateways in order of their writers, this one among them.
   */
  renew(
    renewal: AboutGateway & Readonly<{ writer: string; leaseMs: number }>,
  ): Promise<Readonly<{ held: boolean; storeNow: number; gateways: readonly LiveGateway[] }>>;
  /** Gateways and commands that hold a lease now, in order of their writers; at most 1,000. */
  live(): Promise<readonly LiveGateway[]>;
  /**
   * Closes every chain whose lease ended and makes `writer` answer for its open entries and leave its
   * turns; gives the chains that were closed, and those for whose open entries these answered.
   * Nothing where `writer` itself is closed.
   */
  takeOver(writer: string): Promise<readonly string[]>;
  /** Ends the lease; the chain may be claimed again, or its open entries taken over at once. */
  release(writer: string): Promise<void>;
  /** Every chain that has a record, in order of writers, after `after`; at most 1,000. */
  heads(after?: string): Promise<readonly ChainHead[]>;
  /** Keeps a note; false where its number is taken or leaves a gap. */
  addJoint(joint: JointNote): Promise<boolean>;
  /** Notes from a number on, in order, at most 1,000. */
  joints(from: number): Promise<readonly JointNote[]>;
  /** The newest note, or null. */
  newestJoint(): Promise<JointNote | null>;
}
