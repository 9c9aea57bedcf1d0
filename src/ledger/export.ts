/**
 * Prints the ledger for others: ndjson that `verify` takes without any key (bodies stay behind, their
 * hashes are inside), or OCSF events for a SIEM. One line at a time; nothing is held back.
 */
import { ledgerId } from '../ids.ts';
import { holds, openLines } from './batch.ts';
import { parseRecord } from './canonical.ts';
import {
  evidenceOfStore,
  printEvidence,
  type Evidence,
  type EvidenceSource,
  type Span,
} from './evidence.ts';
import { ocsfEvent } from './ocsf.ts';
import { outcomeThatCounts, type OutcomeRecord } from './record.ts';

/** Prints the evidence of one export in order. */
type Printer = (evidence: Evidence) => readonly string[] | Promise<readonly string[]>;
type From = EvidenceSource;

const ndjson = (): Printer => {
  let digest: Buffer = Buffer.alloc(0);
  return (evidence) => {
    if (evidence.kind === 'chain') digest = evidence.previous;
    const lines = printEvidence(evidence, digest);
    if (evidence.kind === 'records') digest = evidence.digest;
    return lines;
  };
};

/** Opened batches kept, since outcomes stand a little behind their entries. */
const openedMax = 64;

type Opened = Readonly<{ writer: string; first: number; count: number; lines: readonly string[] }>;

/** Reads outcome records that lie ahead, or in another chain; each batch is opened about once. */
const makeOutcomeReader = ({ store, keyRing }: From) => {
  const opened = new Map<string, Opened>();
  const find = (writer: string, sequence: number): string | undefined => {
    for (const batch of opened.values()) {
      if (holds(batch, { writer, sequence })) return batch.lines[sequence - batch.first];
    }
    return undefined;
  };
  return async (writer: string, sequence: number): Promise<OutcomeRecord | null> => {
    if (find(writer, sequence) === undefined) {
      for (const batch of await store.scan({ writer, from: sequence })) {
        const lines = openLines(batch, keyRing) ?? [];
        opened.set(`${writer} ${batch.first}`, { ...batch, lines });
      }
      for (const first of [...opened.keys()].slice(0, -openedMax)) opened.delete(first);
    }
    const record = parseRecord(find(writer, sequence) ?? '');
    return record?.kind === 'outcome' ? record : null;
  };
};

const ocsf = (from: From): Printer => {
  const readOutcome = makeOutcomeReader(from);
  return async (evidence) => {
    if (evidence.kind !== 'records' || evidence.lines === null) return [];
    const byEntry = Map.groupBy(evidence.index?.outcomes ?? [], ({ entry }) => entry);
    const printed: string[] = [];
    for (const [offset, text] of evidence.lines.entries()) {
      const record = parseRecord(text);
      if (record === null) continue;
      const id = ledgerId(evidence.writer, evidence.first + offset);
      const row = outcomeThatCounts(byEntry.get(id) ?? []);
      const outcome = row === undefined ? null : await readOutcome(row.writer, row.sequence);
      const event = ocsfEvent(id, record, outcome);
      if (event !== null) printed.push(JSON.stringify(event));
    }
    return printed;
  };
};

/** Export formats by name (interface.md §5). */
export const exportFormats: ReadonlyMap<string, (from: From) => Printer> = new Map([
  ['ndjson', ndjson],
  ['ocsf', ocsf],
]);

/** Lines (each ends with a newline) of what the store holds in a span; TypeError for no such format. */
export async function* exportLedger(
  from: From,
  options: Span & Readonly<{ format: string }>,
): AsyncGenerator<string> {
  const print = exportFormats.get(options.format)?.(from);
  if (print === undefined) throw new TypeError('an export is ndjson or ocsf');
  for await (const evidence of evidenceOfStore(from, options)) {
    for (const line of await print(evidence)) yield `${line}\n`;
  }
}
