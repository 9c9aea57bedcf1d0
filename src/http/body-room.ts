/**
 * Room for bodies that nobody has verified yet. Strangers may open thousands of connections and send
 * each body but for its last byte; what is held of them together, and of one address, is bounded here,
 * by bytes that really came. Whoever finds no room is told to come again. In memory.
 */
import { neighbourhood } from './neighbourhood.ts';

/** The room of one body. */
export type BodyHold = Readonly<{
  /** So many bytes more came; false = they may not be kept. */
  take(bytes: number): boolean;
  /** They are verified or gone. */
  release(): void;
}>;

export type BodyRoom = Readonly<{
  open(address: string): BodyHold;
  /** Bytes held now. */
  held(): number;
}>;

/** Most bytes of all addresses, and of one; a single body of an address is only bounded by its route. */
const usual = { allMax: 256 * 1_048_576, addressMax: 32 * 1_048_576 };

export const makeBodyRoom = (limits: typeof usual = usual): BodyRoom => {
  const byAddress = new Map<string, number>();
  let all = 0;
  return {
    open: (address) => {
      const name = neighbourhood(address);
      let mine = 0;
      const add = (bytes: number): void => {
        mine += bytes;
        all += bytes;
        const total = (byAddress.get(name) ?? 0) + bytes;
        if (total === 0) byAddress.delete(name);
        else byAddress.set(name, total);
      };
      return {
        take: (bytes) => {
          const others = (byAddress.get(name) ?? 0) - mine;
          if (all + bytes > limits.allMax) return false;
          if (others > 0 && others + mine + bytes > limits.addressMax) return false;
          add(bytes);
          return true;
        },
        release: () => add(-mine),
      };
    },
    held: () => all,
  };
};
