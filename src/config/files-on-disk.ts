/** Route files on disk, as `loadConfig` reads them, and a kept set of texts in their place. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Files } from './include.ts';
import { fileBytesMax } from './parse-yaml.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

const inCodeOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One segment of a pattern as a test of names; `*` never stands for a leading dot. */
const segmentTest = (segment: string): ((name: string) => boolean) => {
  const text = segment.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '[^/]*');
  const pattern = new RegExp(`^${text}$`);
  return (name) => pattern.test(name) && (segment.startsWith('.') || !name.startsWith('.'));
};

const listFiles = async (directory: string, pattern: string): Promise<readonly string[]> => {
  let found = [directory];
  for (const segment of pattern.split('/')) {
    if (!segment.includes('*')) {
      found = found.map((path) => join(path, segment));
      continue;
    }
    const fits = segmentTest(segment);
    const next: string[] = [];
    for (const path of found) {
      const names = await readdir(path).catch(() => []);
      for (const name of names.toSorted(inCodeOrder)) if (fits(name)) next.push(join(path, name));
    }
    found = next;
  }
  const files: string[] = [];
  for (const path of found) {
    const seen = await stat(path).catch(() => null);
    if (seen?.isFile() === true) files.push(path);
  }
  return files;
};

/** The disk. A file beyond 4 MiB or with bytes that are no UTF-8 cannot be read. */
export const filesOnDisk: Files = Object.freeze({
  readFile: async (path: string): Promise<string> => {
    const { size } = await stat(path);
    if (size > fileBytesMax) throw new RangeError('the file is larger than 4 MiB');
    return decoder.decode(await readFile(path));
  },
  listFiles,
});

/**
 * A set of texts kept earlier (`Loaded.sources`) in place of the route files; everything else, that
 * is secrets, still comes from `others`.
 */
export const keptFiles = (sources: Readonly<Record<string, string>>, others: Files): Files => {
  const texts = new Map(Object.entries(sources).map(([path, text]) => [normalize(path), text]));
  return Object.freeze({
    readFile: async (path: string) => texts.get(normalize(path)) ?? (await others.readFile(path)),
    listFiles: async (directory: string, pattern: string) => {
      const whole = join(directory, pattern).split('/');
      const tests = whole.map(segmentTest);
      const fits = (path: string): boolean => {
        const parts = path.split('/');
        return parts.length === tests.length && parts.every((part, index) => tests[index]?.(part));
      };
      return [...texts.keys()].filter(fits).sort(inCodeOrder);
    },
  });
};
