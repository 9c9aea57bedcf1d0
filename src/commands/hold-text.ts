/** A hold as text for people: what would change first, then who may say yes to it. Pure; the caller escapes. */
import { saidWhy } from '../holds/show-hold.ts';
import { aligned, prettyJson, printSections, type Section } from './explain-text.ts';

type Change = Readonly<{
  path: string;
  before?: unknown;
  after?: unknown;
  added?: readonly unknown[];
  removed?: readonly unknown[];
  more?: number;
}>;

/** What `holds.show` answers. */
type Shown = Readonly<{
  id: string;
  state: string;
  version: string;
  at: string;
  expiresAt: string;
  client: string;
  route: string;
  target: string;
  tenant: string;
  operation: string;
  actions: readonly string[];
  resource: Readonly<{ type: string; id: string | null; name: string | null }>;
  rules: readonly string[];
  batch: string;
  calls: number;
  traceId: string;
  needs: number;
  passwordDropped: boolean;
  entry: string | null;
  outcome: string | null;
  settledBy: string | null;
  reverses: readonly string[];
  approvals: readonly Readonly<{ person: string; at: string }>[];
  voided: readonly Readonly<{ at: string; why: string; by: readonly { person: string }[] }>[];
  end: Readonly<{ by: string; at: string; reason: string }> | null;
  mayNotApprove: readonly Readonly<{ person: string; why: string }>[];
  grantsChangedBy: string;
  change: Readonly<{
    deletes: boolean;
    diff: readonly Change[] | null;
    more: number;
    written: unknown;
  }> | null;
}>;

const oneLine = (value: unknown): string => JSON.stringify(value);

const changeLines = (change: Change): readonly string[] => {
  const { path, before, after, added = [], removed = [], more = 0 } = change;
  const isList = before === undefined && after === undefined;
  if (isList && added.length + removed.length === 0) {
    return [`~ ${path}[] the same elements in another order or number`];
  }
  return [
    ...(before === undefined ? [] : [`- ${path} = ${oneLine(before)}`]),
    ...(after === undefined ? [] : [`+ ${path} = ${oneLine(after)}`]),
    ...removed.map((each) => `- ${path}[] ${oneLine(each)}`),
    ...added.map((each) => `+ ${path}[] ${oneLine(each)}`),
    ...(more === 0 ? [] : [`! ${path}[]: CUT, ${more} more elements change`]),
  ];
};

const changeSection = ({ change, passwordDropped }: Shown): readonly Section[] => {
  if (change === null) return [{ label: 'change', lines: ['shown to operators and approvers'] }];
  const { deletes, diff, more, written } = change;
  const lines = [
    ...(deletes ? ['the resource is deleted'] : []),
    ...(diff === null ? [] : diff.flatMap(changeLines)),
    ...(more === 0 ? [] : [`! CUT: ${more} more attributes change`]),
    ...(written === null || written === undefined ? [] : prettyJson(written)),
    ...(passwordDropped ? ['a password that came with it was dropped'] : []),
  ];
  return [{ label: 'change', lines: lines.length === 0 ? ['nothing that shows'] : lines }];
};

/** What its outcome means for whoever waits for the change; an outcome by itself where it is plain. */
const outcomeMeans: Readonly<Record<string, string>> = {
  'not-sent': 'not-sent: nothing reached the target, so its caller must send it again',
  'in-doubt': 'in-doubt: it is not known whether the target made it; read the resource there',
};

const entryLines = ({ entry, outcome, settledBy }: Shown): readonly string[] => {
  if (entry === null) return [];
  if (outcome === null) return [entry, 'under way, or nothing is known of its end yet'];
  if (settledBy === 'no-change') return [entry, 'the target held it already, so nothing was sent'];
  return [entry, outcomeMeans[outcome] ?? outcome];
};

/** The text of `holds show`. */
export const printHold = (json: unknown): string => {
  const shown = json as Shown;
  const { resource, end } = shown;
  return printSections([
    { label: 'hold', lines: [`${shown.id}  ${shown.state}`] },
    { label: 'held', lines: [`${shown.at}, until ${shown.expiresAt}, ${shown.calls} calls`] },
    { label: 'client', lines: [shown.client] },
    { label: 'route', lines: [`${shown.route}, to ${shown.target} (${shown.tenant})`] },
    {
      label: 'operation',
      lines: [[shown.operation, resource.type, resource.id ?? ''].join(' ').trim()],
    },
    { label: 'about', lines: resource.name === null ? [] : [oneLine(resource.name)] },
    { label: 'actions', lines: shown.actions },
    { label: 'rules', lines: shown.rules },
    { label: 'batch', lines: [shown.batch] },
    { label: 'trace', lines: [shown.traceId] },
    { label: 'takes back', lines: shown.reverses },
    ...changeSection(shown),
    {
      label: 'approvals',
      lines: [
        `${shown.approvals.length} of ${shown.needs}`,
        ...shown.approvals.map(({ person, at }) => `${person}, ${at}`),
      ],
    },
    {
      label: 'no more',
      lines: shown.voided.map(
        ({ at, why, by }) =>
          `${saidWhy(why)}, ${at}: ${by.map(({ person }) => person).join(', ') || '-'}`,
      ),
    },
    {
      label: 'never by',
      lines: aligned(shown.mayNotApprove.map(({ person, why }) => [person, why])),
    },
    { label: 'grants by', lines: [shown.grantsChangedBy] },
    { label: 'entry', lines: entryLines(shown) },
    { label: 'ended', lines: end === null ? [] : [`${end.by}, ${end.at}: ${end.reason}`] },
    { label: 'version', lines: [shown.version] },
    {
      label: 'next',
      lines:
        shown.state === 'pending'
          ? [
              `holds approve ${shown.id} --version ${shown.version}`,
              `holds reject ${shown.id} --reason <text>`,
            ]
          : [],
    },
  ]);
};
