/** `sallyport diff`: what two route files allow one client beyond the other, in a stable order. Pure. */
import type { Widening } from '../config/widening.ts';

/** One line of the diff: an element of what `diff --json` prints. Null: every client, every route. */
export type DiffLine = Readonly<{
  change: 'allowed' | 'denied';
  client: string | null;
  route: string | null;
  what: string;
}>;

const inCodeOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const marks: Readonly<Record<DiffLine['change'], string>> = { allowed: '+', denied: '-' };

/** Every line once, by client, route and text; what holds for every client comes first. */
export const diffLines = (
  diff: Readonly<{ allowed: readonly Widening[]; denied: readonly Widening[] }>,
): readonly DiffLine[] => {
  const lines = (['denied', 'allowed'] as const).flatMap((change) =>
    diff[change].map(({ client, route, what }): DiffLine => ({ change, client, route, what })),
  );
  const once = new Map(lines.map((line) => [JSON.stringify(line), line]));
  return [...once.values()].toSorted(
    (a, b) =>
      inCodeOrder(a.client ?? '', b.client ?? '') ||
      inCodeOrder(a.route ?? '', b.route ?? '') ||
      inCodeOrder(a.what, b.what) ||
      inCodeOrder(b.change, a.change),
  );
};

/** `+ client route: what` is newly allowed, `- client route: what` newly denied; `*` is every one. */
export const printDiff = (lines: readonly DiffLine[]): readonly string[] => {
  const count = (change: DiffLine['change']): number =>
    lines.filter((line) => line.change === change).length;
  return [
    ...lines.map(
      ({ change, client, route, what }) =>
        `${marks[change]} ${client ?? '*'} ${route ?? '*'}: ${what}`,
    ),
    `${count('allowed')} newly allowed, ${count('denied')} newly denied`,
  ];
};
