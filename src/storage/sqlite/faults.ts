/**
 * Faults for tests and campaigns: a full disk or an I/O error at a chosen call, before or after its
 * commit. Nothing arms one but `injectFault` of the opened stores.
 */

/** `count` calls fail, each fault apart: several may be armed at once. A full disk also keeps the reserve from being made until it is over. */
export type Fault = Readonly<{
  kind: 'full' | 'io';
  on: 'append' | 'head' | 'receive';
  when: 'before' | 'after';
  count: number;
}>;

export type Faults = Readonly<{
  arm(fault: Fault): void;
  /** Throws as SQLite would, if a fault is armed for this point. */
  pass(on: Fault['on'], when: Fault['when']): void;
  /** Is a full disk being played, and does this call feel it? Receipts have faults of their own. */
  full(on?: 'receive'): boolean;
}>;

/** An error as the driver throws it. */
export const sqliteError = (code: string): Error =>
  Object.assign(new Error(`injected ${code}`), { code });

export const makeFaults = (): Faults => {
  const armed: { fault: Fault; left: number }[] = [];
  /** Uses up one failure of the first armed fault that `fits`; false where none does. */
  const spend = (fits: (fault: Fault) => boolean): boolean => {
    const at = armed.findIndex(({ fault }) => fits(fault));
    const found = armed[at];
    if (found === undefined) return false;
    found.left -= 1;
    if (found.left <= 0) armed.splice(at, 1);
    return true;
  };
  return Object.freeze({
    arm: (fault: Fault): void => {
      armed.push({ fault, left: fault.count });
    },
    pass: (on: Fault['on'], when: Fault['when']): void => {
      const fails = spend((fault) => fault.kind === 'io' && fault.on === on && fault.when === when);
      if (fails) throw sqliteError('SQLITE_IOERR_FSYNC');
    },
    full: (at?: 'receive'): boolean =>
      spend(({ kind, on }) => kind === 'full' && (on === 'receive') === (at === 'receive')),
  });
};
