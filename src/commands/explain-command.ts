/** The words and options of `explain`: a call or a webhook that might come, or an entry of the ledger. */
import type { Command } from 'commander';
import { settingsOf } from '../config/settings-of.ts';
import { isRefusal } from '../errors.ts';
import { findEntry } from '../http/route-table.ts';
import { isObject, type Json, type JsonObject } from '../identity/json-value.ts';
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
import { explainWebhook, type WebhookFacts } from './explain-webhook.ts';
import { findRequest, printSearched } from './find-request.ts';
import { escaped } from './print.ts';
import { printRecord } from './record-text.ts';
import { load } from './route-file.ts';
import { printWebhook } from './webhook-text.ts';

const readJson = async (option: string, path: unknown): Promise<Json | undefined> => {
  const given = await readGiven(option, path);
  if (given === null) return undefined;
  const parsed = parseJson(given, { names: 'any' });
  if (!isRefusal(parsed)) return parsed;
  throw new CommandEnd(`${option}: ${String(path)} holds no JSON`, 2);
};

/** `name: value` of each `--header`, lower-case names. */
const headersOf = (given: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(given) ? given : []).map((line: unknown): readonly [string, string] => {
      const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(String(line)) ?? [];
      if (name === undefined || value === undefined)
        throw new CommandEnd('--header: write name: value', 2);
      return [name.toLowerCase(), value];
    }),
  );

const readBefore = async (path: unknown): Promise<JsonObject | null> => {
  const given = await readGiven('--before', path);
  if (given === null) return null;
  const parsed = parseJson(given, { names: 'any' });
  if (!isRefusal(parsed) && isObject(parsed)) return parsed;
  throw new CommandEnd(`--before: ${String(path)} holds no JSON object`, 2);
};

const webhookOnly = ['header', 'enriched'];

/** What the webhook route at this path would make of a message. */
const explainMessage = async (
  run: Run,
  options: Options,
  method: string,
  path: string,
): Promise<WebhookFacts> => {
  const config = String(options['config']);
  const snapshot = await usableSnapshot(run, config, { secrets: false, code: 1 });
  const entry = findEntry(snapshot, path.split('?')[0] ?? '');
  if (entry === null || !('webhook' in entry)) throw new CommandEnd(usage, 2);
  const body = await readGiven('--body', options['body']);
  if (method.toUpperCase() !== 'POST' || body === null)
    throw new CommandEnd('a webhook is explained as POST <path> --body <file>', 2);
  const { webhook: route } = entry;
  const scheme = settingsOf(snapshot).webhooks.get(route.name)?.webhook.scheme ?? '';
  const headers = headersOf(options['header']);
  const enriched = await readJson('--enriched', options['enriched']);
  return explainWebhook(snapshot, { route, scheme, body, headers, enriched }, Date.now());
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
    await show(run, options, facts, () => printRecord(facts));
  });
};

const usage =
  'write one of: explain --client <name> <method> <path>, explain POST <webhook path> --body <file>, explain --ledger <id>, explain --request <id>';

/** One of the ways to ask, or wrong usage. */
const wayOf = (options: Options, method: unknown, path: unknown): 'call' | 'webhook' | 'entry' => {
  const given = (names: readonly string[]): number =>
    names.filter((name) => options[name] !== undefined).length;
  const asks = given(['ledger', 'request']);
  const message = given(webhookOnly) > 0;
  const call = given(['client', 'body', 'before']) > 0 || message;
  if (asks === 1 && !call && method === undefined) return 'entry';
  if (asks === 0 && path !== undefined) {
    if (text(options['client']) !== null && !message) return 'call';
    if (given(['client', 'before']) === 0) return 'webhook';
  }
  throw new CommandEnd(usage, 2);
};

const show = async (run: Run, options: Options, facts: unknown, printed: () => string) => {
  const shown = options['json'] === true ? JSON.stringify(facts, null, 2) : printed();
  await run.context.write(`${escaped(shown)}\n`);
};

const collect = (given: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  given,
];

/** Adds `explain` to the program. */
export const addExplain = (program: Command, run: Run): void => {
  const command = reaching(program.command('explain [method] [path]'))
    .description('what a call or webhook would mean and whether it would pass; sends nothing')
    .option('--client <name>', 'the client that would call')
    .option('--body <file>', 'the body it, or the sender of a webhook, would send')
    .option('--before <file>', 'the current resource, as the target would show it')
    .option('--header <name: value>', 'of a webhook, where a header tells what it means', collect)
    .option('--enriched <file>', 'of a webhook: what the source would say, as JSON')
    .option('--ledger <id>', 'instead of a call: an entry of the ledger, and what today decides')
    .option('--request <id>', "likewise, by our x-request-id or the caller's own")
    .option('--since <time>', 'how far back --request looks (default 24h)')
    .option('--until <time>', 'where --request begins to look back from');
  command.action(async (method: string | undefined, path: string | undefined) => {
    const options = command.opts();
    const way = wayOf(options, method, path);
    if (way === 'entry') return explainEntry(run, options);
    if (way === 'webhook') {
      const facts = await explainMessage(run, options, String(method), String(path));
      if (facts.unreadable !== null) run.code = 1;
      return show(run, options, facts, () => printWebhook(facts));
    }
    const facts = await explainAsked(run, options, String(method), String(path));
    if (facts.decision !== 'allow') run.code = 1;
    return show(run, options, facts, () => printFacts(facts));
  });
};
