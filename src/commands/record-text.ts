/** What the ledger recorded of a request as text for people, in the form of `explain`. Pure. */
import type { OutcomeRecord, SettledBy } from '../ledger/record.ts';
import type { RecordFacts } from './explain-record.ts';
import {
  aligned,
  callSections,
  changeLines,
  decisionSections,
  prettyJson,
  printSections,
  wrapped,
  type Section,
} from './explain-text.ts';

const knownBy: Readonly<Record<SettledBy, string>> = {
  answer: 'the target answered',
  'read-back': 'read back from the target',
  'no-change': 'the target held all of it already',
  connection: 'the connection failed before a byte went out',
  standing: 'stopped by a freeze or a revocation right before it was sent',
  timeout: 'no answer in time',
  crash: 'the gateway ended before it knew',
  'late-send': 'it ended after another gateway had taken over',
  person: 'a person said so',
};

const outcomeRow = ({ at, outcome, status, settledBy, code, attempts }: OutcomeRecord) => [
  new Date(at).toISOString(),
  outcome,
  status === null ? '-' : String(status),
  [
    knownBy[settledBy],
    ...(code === null ? [] : [code]),
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
  ].join(', '),
];

const changed = ({ changes }: RecordFacts): readonly Section[] => {
  if (changes === null) return [];
  if (!Array.isArray(changes)) return [{ label: 'resource', lines: prettyJson(changes) }];
  const lines = changeLines(changes as Parameters<typeof changeLines>[0]);
  return [{ label: 'changes', lines: lines.length === 0 ? ['none'] : lines }];
};

const todaySections = (facts: RecordFacts): readonly Section[] => {
  const { today, todayUnknown, differs, decision, rule } = facts;
  if (today === null || todayUnknown !== null) {
    return [{ label: 'today', lines: wrapped(`cannot be told: ${todayUnknown ?? ''}`) }];
  }
  const same = today.rule === rule ? 'the same' : 'the same, by another rule';
  const verdict = differs === true ? `OTHERWISE, it was ${decision}` : same;
  const code = today.code === null ? '' : ` (${today.code})`;
  return [
    { label: 'today', lines: [`${today.decision}${code}: ${verdict}`] },
    ...(today.rule === rule ? [] : decisionSections(today).slice(1)),
  ];
};

const resourceLine = ({ entry }: RecordFacts): string =>
  [entry.operation, entry.resource.type, entry.resource.id]
    .filter((part) => part !== null && part !== '')
    .join(' ');

const settled = ({ entry, outcomes }: RecordFacts): readonly string[] => {
  if (outcomes.length > 0) return aligned(outcomes.map(outcomeRow));
  if (entry.outcome === null)
    return entry.decision === 'deny' ? ['nothing was sent'] : ['none yet'];
  return [
    entry.settledBy === null ? entry.outcome : `${entry.outcome}, ${knownBy[entry.settledBy]}`,
  ];
};

/** The text of `explain --ledger` and `--request`. */
export const printRecord = (facts: RecordFacts): string => {
  const { entry } = facts;
  const own = entry.callerRequestId === null ? [] : [`${entry.callerRequestId} (the caller's own)`];
  return printSections([
    { label: 'entry', lines: [`${entry.id}  ${entry.at}`] },
    { label: 'request', lines: [entry.requestId, ...own] },
    { label: 'trace', lines: [entry.traceId] },
    { label: 'client', lines: [entry.client] },
    { label: 'route', lines: [`${entry.route}, to the target ${entry.target} (${entry.tenant})`] },
    { label: 'operation', lines: [resourceLine(facts)] },
    { label: 'actions', lines: entry.actions },
    { label: 'repairs', lines: entry.repairs.length === 0 ? [] : [entry.repairs.join(' ')] },
    { label: 'normalised', lines: aligned(entry.normalised.map(({ path, rule }) => [path, rule])) },
    ...decisionSections({ ...facts, detail: null }),
    { label: 'override', lines: entry.override === null ? [] : entry.override.split(' + ') },
    ...changed(facts),
    ...callSections(facts.calls),
    { label: 'outcome', lines: settled(facts) },
    ...todaySections(facts),
  ]);
};
