/** Evidence out of an export file: plain lines, without index rows and bodies; no key is needed. */
import type { Evidence } from './evidence.ts';

const recordLine =
  /^\{"seq":([1-9][0-9]{0,15}),"chain":"([0-9A-Za-z+/]{43}=)","record":(\{.*\})\}$/;

type ParsedLine = Readonly<{
  chain?: { writer?: unknown; first?: unknown; previous?: unknown };
  checkpoint?: unknown;
  joint?: unknown;
  end?: { writer?: unknown; size?: unknown; complete?: unknown };
}>;

const readOther = (line: string, at: string): Evidence => {
  let parsed: ParsedLine | null = null;
  try {
    parsed = JSON.parse(line) as ParsedLine | null;
  } catch {
    return { kind: 'unreadable', at, message: 'the line is no JSON' };
  }
  const { chain, checkpoint, joint, end } = parsed ?? {};
  if (
    typeof chain?.writer === 'string' &&
    typeof chain.first === 'number' &&
    typeof chain.previous === 'string'
  ) {
    const { writer, first } = chain;
    return { kind: 'chain', writer, first, previous: Buffer.from(chain.previous, 'base64') };
  }
  if (typeof checkpoint === 'string') return { kind: 'checkpoint', note: checkpoint };
  if (typeof joint === 'string') return { kind: 'joint', note: joint };
  if (typeof end?.writer === 'string' && typeof end.size === 'number') {
    return { kind: 'end', writer: end.writer, size: end.size, complete: end.complete === true };
  }
  return { kind: 'unreadable', at, message: 'the line is nothing an export holds' };
};

/** Reads an ndjson export. The hashed text is cut out of the line, byte for byte. */
export async function* evidenceOfExport(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<Evidence> {
  let writer = '';
  let number = 0;
  for await (const raw of lines) {
    number += 1;
    const line = raw.replace(/\r?\n$/, '');
    if (line === '') continue;
    const match = recordLine.exec(line);
    if (match !== null) {
      const [, sequence, digest, text] = match as unknown as [string, string, string, string];
      yield {
        kind: 'records',
        writer,
        first: Number(sequence),
        count: 1,
        lines: [text],
        digest: Buffer.from(digest, 'base64'),
      };
      continue;
    }
    const other = readOther(line, `line ${number}`);
    if (other.kind === 'chain') writer = other.writer;
    yield other;
  }
}
