/** Pages of chains, as the ports give them: in order of writers, at most 1,000 at once. */

const pageSize = 1_000;

/** All of them; `page` gives those behind a writer. */
export const everyChain = async <Item extends Readonly<{ writer: string }>>(
  page: (after?: string) => Promise<readonly Item[]>,
): Promise<readonly Item[]> => {
  const all: Item[] = [];
  for (let items = await page(); ; items = await page(all.at(-1)?.writer)) {
    all.push(...items);
    if (items.length < pageSize) return all;
  }
};
