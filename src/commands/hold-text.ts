/** A hold as text for people: what would change first, then who may say yes to it. Pure; the caller escapes. */
import { saidWhy } from '../holds/show-hold.ts';
import { aligned, prettyJson, printSections, type Section } from './explain-text.ts';

type Change = Readonly<{
  path: string;
  before?: unknown;
  after?: unknown;
  added?: readonly unknown[];
  removed?: readonly unknown[];
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
  reverses: readonly string[];
  approvals: readonly Readonly<{ person: string; at: string }>[];
  voided: readonly Readonly<{ at: string; why: string; by: readonly { person: string }[] }>[];
  end: Readonly<{ by: string; at: string; reason: string }> | null;
  mayNotApprove: readonly Readonly<{ person: string; why: string }>[];
  grantsChangedBy: string;
  change: Readonly<{
    deletes: boolean;
    diff: readonly Change[] | null;
    written: unknown;
  }> | null;
}>;

const oneLine = (value: unknown): string => JSON.stringify(value);

const changeLines = (change: Change): readonly string[] => {
  const { path, before, after, added = [], removed = [] } = change;
  return [
    ...(before === undefined ? [] : [`- ${path} = ${oneLine(before)}`]),
    ...(after === undefined ? [] : [`+ ${path} = ${oneLine(after)}`]),
    ...removed.map((each) => `- ${path}[] ${oneLine(each)}`),
    ...added.map((each) => `+ ${path}[] ${oneLine(each)}`),
  ];
};

const changeSection = ({ change, passwordDropped }: Shown): readonly Section[] => {
  if (change === null) return [{ label: 'change', lines: ['shown to operators and approvers'] }];
  const { deletes, diff, written } = change;
  const lines = [
    ...(deletes ? ['the resource is deleted'] : []),
    ...(diff === null ? [] : diff.flatMap(changeLines)),
    ...(written === null || written === undefined ? [] : prettyJson(written)),
    ...(passwordDropped ? ['a password that came with it was dropped'] : []),
  ];
  return [{ label: 'change', lines: lines.length === 0 ? ['nothing that shows'] : lines }];
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
    { label: 'entry', lines: shown.entry === null ? [] : [shown.entry] },
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
