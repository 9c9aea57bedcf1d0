/**
 * Generated files: `node test/support/generated.ts` writes them, `--check` exits 1 where one differs
 * from what the code says. A part of a larger file stands between its two marker lines.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { printJsonSchema } from '../../src/config/json-schema.ts';
import { fillParts } from './readme-parts.ts';

/** One generated file, from its present text. */
type Generated = Readonly<{ file: string; make(present: string): string }>;

const root = new URL('../../', import.meta.url);

/** All of them. */
const generated: readonly Generated[] = [
  { file: 'config/gateway.schema.json', make: () => printJsonSchema() },
  { file: 'README.md', make: fillParts },
];

const outdated: string[] = [];
const check = process.argv.includes('--check');
for (const { file, make } of generated) {
  const path = new URL(file, root);
  const present = await readFile(path, 'utf8').catch(() => '');
  const wanted = make(present);
  if (present === wanted) continue;
  outdated.push(file);
  if (!check) await writeFile(path, wanted);
}
for (const file of outdated)
  console.log(check ? `${file} is out of date: npm run generate` : `wrote ${file}`);
if (check && outdated.length > 0) process.exitCode = 1;
