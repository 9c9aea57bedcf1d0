/**
 * Calls that confirm a subscription at its sender (SNS), made after the answer went out and waited for
 * by nobody: once each, a few at a time. One that fails is the sender's to begin again.
 */
import type { Observer } from '../telemetry/observe.ts';

/** Fetches an address of a sender through the connect guard, within its own time-out. */
export type Confirm = (url: string) => Promise<void>;

const underWayMax = 16;

/** `route` is for the log; the address is not told, for it holds a token. */
export type Confirmations = Readonly<{ soon(route: string, url: string): void }>;

export const makeConfirmations = (
  confirm: Confirm,
  observer: Pick<Observer, 'note'>,
): Confirmations => {
  const underWay = new Set<string>();
  const run = async (route: string, url: string): Promise<void> => {
    try {
      await confirm(url);
      observer.note('info', 'webhook.confirmed', { route });
    } catch (cause) {
      observer.note('warn', 'webhook.unconfirmed', { route, cause });
    } finally {
      underWay.delete(url);
    }
  };
  return {
    soon: (route, url) => {
      if (underWay.has(url)) return;
      if (underWay.size >= underWayMax) {
        observer.note('warn', 'webhook.unconfirmed', { route, reason: 'too many at once' });
        return;
      }
      underWay.add(url);
      setImmediate(() => void run(route, url));
    },
  };
};
