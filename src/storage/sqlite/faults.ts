/**
 * Faults for tests and campaigns: a full disk or an I/O error at a chosen call, before or after its
 * commit. Nothing arms one but `injectFault` of the opened stores.
 */

/** `count` calls fail. A full disk also keeps the reserve from being made until it is over. */
export type Fault = Readonly<{
  kind: 'full' | 'io';
  on: 'append' | 'head';
  when: 'before' | 'after';
  count: number;
}>;

export type Faults = Readonly<{
  arm(fault: Fault): void;
  /** Throws as SQLite would, if a fault is armed for this point. */
  pass(on: Fault['on'], when: Fault['when']): void;
  /** Is a full disk being played, and does the call with (or without) the reserve feel it? */
  full(): boolean;
}>;

/** An error as the driver throws it. */
export const sqliteError = (code: string): Error =>
  Object.assign(new Error(`injected ${code}`), { code });

export const makeFaults = (): Faults => {
  let armed: { fault: Fault; left: number } | null = null;
  return Object.freeze({
    arm: (fault: Fault): void => {
      armed = { fault, left: fault.count };
    },
    pass: (on: Fault['on'], when: Fault['when']): void => {
      if (armed === null || armed.fault.kind !== 'io') return;
      if (armed.fault.on !== on || armed.fault.when !== when) return;
      armed.left -= 1;
      if (armed.left === 0) armed = null;
      throw sqliteError('SQLITE_IOERR_FSYNC');
    },
    full: (): boolean => {
      if (armed === null || armed.fault.kind !== 'full') return false;
      armed.left -= 1;
      if (armed.left === 0) armed = null;
      return true;
    },
  });
};
