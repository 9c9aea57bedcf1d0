/** The words and options of `explain`: a call that might be made, or an entry of the ledger. */
import type { Command } from 'commander';
import { isRefusal } from '../errors.ts';
import { isObject, type JsonObject } from '../identity/json-value.ts';
import { parseJson } from '../identity/json.ts';
import type { LedgerRow } from '../ledger/record.ts';
import type { Snapshot } from '../snapshot.ts';
import { runSession, type Ask } from './admin-client.ts';
import {
  CommandEnd,
  operationNamed,
  reaching,
  reachOf,
  readGiven,
  text,
  usableSnapshot,
  type Options,
  type Run,
} from './command-run.ts';
import { explainCall, type Facts } from './explain.ts';
import { explainRecord, type Recorded } from './explain-record.ts';
import { printFacts } from './explain-text.ts';
import { findRequest, printSearched } from './find-request.ts';
import { escaped } from './print.ts';
import { printRecord } from './record-text.ts';
import { load } from './route-file.ts';

const readBefore = async (path: unknown): Promise<JsonObject | null> => {
  const given = await readGiven('--before', path);
  if (given === null) return null;
  const parsed = parseJson(given, { names: 'any' });
  if (!isRefusal(parsed) && isObject(parsed)) return parsed;
  throw new CommandEnd(`--before: ${String(path)} holds no JSON object`, 2);
};

const explainAsked = async (
  run: Run,
  options: Options,
  method: string,
  path: string,
): Promise<Facts> => {
  const body = await readGiven('--body', options['body']);
  const before = await readBefore(options['before']);
  const config = String(options['config']);
  const snapshot = await usableSnapshot(run, config, { secrets: false, code: 1 });
  const client = String(options['client']);
  return explainCall(
    snapshot,
    { client, method: method.toUpperCase(), path, body, before },
    Date.now(),
  );
};

const listed = async (ask: Ask, page: Readonly<Record<string, unknown>>) => {
  const answer = await ask(operationNamed('ledger.list'), page);
  if (isRefusal(answer)) return answer;
  return ('json' in answer ? answer.json : []) as readonly LedgerRow[];
};

/** The entry with its body; without it where this person may only list. */
const shownEntry = async (ask: Ask, id: string, row: LedgerRow | null): Promise<Recorded> => {
  const answer = await ask(operationNamed('ledger.show'), { id });
  if (!isRefusal(answer) && 'json' in answer) return answer.json as Recorded;
  if (row !== null) return { row, body: null, outcomes: [] };
  throw new CommandEnd(isRefusal(answer) ? answer.detail : 'There is no such entry.', 1);
};

const requestedEntry = async (ask: Ask, id: string, options: Options): Promise<Recorded> => {
  const since = text(options['since']) ?? '24h';
  const until = text(options['until']);
  const range = until === null ? { since } : { since, until };
  const found = await findRequest((page) => listed(ask, page), id, range);
  if (isRefusal(found)) throw new CommandEnd(found.detail, 1);
  if (found.row === null) throw new CommandEnd(printSearched(found, id, since), 1);
  return shownEntry(ask, found.row.id, found.row);
};

/** Today's configuration without its secrets, or null where it does not load. */
const todaysConfig = async (run: Run, options: Options): Promise<Snapshot | null> =>
  (await load(String(options['config']), run.context.env, false)).snapshot;

const explainEntry = async (run: Run, options: Options): Promise<void> => {
  const ledger = text(options['ledger']);
  const snapshot = await todaysConfig(run, options);
  await runSession(reachOf(run, options), async (ask) => {
    const recorded =
      ledger === null
        ? await requestedEntry(ask, String(options['request']), options)
        : await shownEntry(ask, ledger, null);
    const facts = explainRecord(recorded, snapshot, Date.now());
    if (facts.decision !== 'allow') run.code = 1;
    const shown = options['json'] === true ? JSON.stringify(facts, null, 2) : printRecord(facts);
    await run.context.write(`${escaped(shown)}\n`);
  });
};

const usage =
  'write one of: explain --client <name> <method> <path>, explain --ledger <id>, explain --request <id>';

/** One of the three ways to ask, or wrong usage. */
const wayOf = (options: Options, method: unknown, path: unknown): 'call' | 'entry' => {
  const asks = ['ledger', 'request'].filter((name) => options[name] !== undefined).length;
  const call = ['client', 'body', 'before'].some((name) => options[name] !== undefined);
  if (asks === 1 && !call && method === undefined) return 'entry';
  if (asks === 0 && path !== undefined && text(options['client']) !== null) return 'call';
  throw new CommandEnd(usage, 2);
};

/** Adds `explain` to the program. */
export const addExplain = (program: Command, run: Run): void => {
  const command = reaching(program.command('explain [method] [path]'))
    .description('what a call would mean and whether it would pass; sends nothing')
    .option('--client <name>', 'the client that would call')
    .option('--body <file>', 'the body it would send')
    .option('--before <file>', 'the current resource, as the target would show it')
    .option('--ledger <id>', 'instead of a call: an entry of the ledger, and what today decides')
    .option('--request <id>', "likewise, by our x-request-id or the caller's own")
    .option('--since <time>', 'how far back --request looks (default 24h)')
    .option('--until <time>', 'where --request begins to look back from');
  command.action(async (method: string | undefined, path: string | undefined) => {
    const options = command.opts();
    if (wayOf(options, method, path) === 'entry') return explainEntry(run, options);
    const facts = await explainAsked(run, options, String(method), String(path));
    if (facts.decision !== 'allow') run.code = 1;
    const shown = options['json'] === true ? JSON.stringify(facts, null, 2) : printFacts(facts);
    await run.context.write(`${escaped(shown)}\n`);
  });
};
