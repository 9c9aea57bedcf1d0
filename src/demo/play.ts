/**
 * `sallyport demo`: a SCIM server in its own process, a real gateway in front, and a session of
 * joiners, movers and leavers played through it; every row is held against what it should be. With
 * `once` it ends there; else it stays up and says how to go on by hand.
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { request } from 'undici';
import { startDemoGateway, type DemoGateway, type DemoContext } from './demo-gateway.ts';
import { differences, isRecorded, playStep, type Played } from './play-session.ts';
import { proveHolds } from './prove-holds.ts';
import { askAdmin, proveLedger, readLedger } from './prove.ts';
import { demoPerson } from './route-file.ts';
import { heldName } from './safety-act.ts';
import { seeds, session } from './session.ts';
import { spawnSandbox, type SandboxProcess } from './spawn-sandbox.ts';
import { sessionTable } from './table.ts';

const routePath = '/scim/directory';

/** What the sandbox is made of; development dependencies, so only a checkout has them. */
const needed = ['express', 'scimmy', 'scimmy-routers'];

const missing = (): readonly string[] => {
  const { resolve } = createRequire(import.meta.url);
  return needed.filter((name) => {
    try {
      resolve(name);
      return false;
    } catch {
      return true;
    }
  });
};

const seed = async (
  sandbox: SandboxProcess,
  token: string,
  ids: Map<string, string>,
): Promise<void> => {
  for (const { path, body, keeps } of seeds) {
    const response = await request(`${sandbox.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(body),
    });
    ids.set(keeps, ((await response.body.json()) as Readonly<{ id: string }>).id);
  }
};

/** Plays and checks; prints as it goes. True if everything was as expected. */
const playAndCheck = async (
  context: DemoContext,
  gateway: DemoGateway,
  sandbox: SandboxProcess,
  ids: Map<string, string>,
): Promise<boolean> => {
  const played: Played[] = [];
  for (const step of session) {
    played.push(
      await playStep(step, {
        routeUrl: `${gateway.dataUrl}${routePath}`,
        keys: gateway.keys,
        ids,
        observed: gateway.observed,
        stored: sandbox.stored,
      }),
    );
  }
  const traces = played.filter(({ step }) => isRecorded(step)).map(({ traceId }) => traceId);
  const recorded = await readLedger(gateway, traces);
  const rows = new Map(recorded.map((row) => [row.traceId, row]));
  const found = played.map((call) => ({
    call,
    differs: differences(call, rows.get(call.traceId), ids),
  }));
  const wrong = found.filter(({ differs }) => differs.length > 0);
  await context.write(`${sessionTable(played, rows, new Set(wrong.map(({ call }) => call)))}\n\n`);
  for (const { call, differs } of wrong) {
    await context.write(
      `DIFF ${call.step.says}\n${differs.map((line) => `     ${line}`).join('\n')}\n${
        call.detail === null ? '' : `     ${call.detail}\n`
      }`,
    );
  }
  const held = await proveHolds(gateway, demoPerson, sandbox, ids.get(heldName) ?? '');
  const ledger = await proveLedger(
    gateway,
    await sandbox.seen(),
    await readLedger(gateway, traces),
  );
  const claims = [...held, ...ledger];
  for (const { ok, says } of claims) await context.write(`${ok ? 'ok  ' : 'DIFF'} ${says}\n`);
  const good = wrong.length === 0 && claims.every(({ ok }) => ok);
  const count = `${played.length - wrong.length} of ${played.length} calls went as expected`;
  await context.write(`${good ? 'ok  ' : 'DIFF'} ${count}\n`);
  return good;
};

/** What to try by hand, with real addresses, keys and ids. */
const handOver = (gateway: DemoGateway, ids: ReadonlyMap<string, string>, entry: string) => {
  const { configPath, dataUrl, adminUrl, keys, personToken, folder } = gateway;
  const curl = `curl -s -H 'Authorization: Bearer ${keys.entra}'`;
  const body = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"You@Example.com","active":"True"}`;
  return `
The gateway stays up. Try it:

  # create yourself, badly formatted
  ${curl} -i -H 'Content-Type: application/scim+json' \\
    -d '${body}' ${dataUrl}${routePath}/Users
  # what Ada became
  ${curl} ${dataUrl}${routePath}/Users/${ids.get('ada') ?? ''}
  # what nobody may: delete her
  ${curl} -i -X DELETE ${dataUrl}${routePath}/Users/${ids.get('ada') ?? ''}

  # the ledger, as a person with a token
  export SALLYPORT_ADMIN_TOKEN=${personToken}
  ${entry} ledger list --admin ${adminUrl}
  ${entry} ledger verify --admin ${adminUrl}
  ${entry} ledger verify --file ${folder}/evidence.ndjson --public-key ${folder}/checkpoint.pub
  # what waits or waited for people, and who decided
  ${entry} holds list --state all --admin ${adminUrl}
  # what a call would come to, without sending it
  ${entry} explain --config ${configPath} --client recipe DELETE ${routePath}/Users/1
  # stop every change of one client at once, and let it go on
  ${entry} freeze entra --scope client --reason 'looking into it' --admin ${adminUrl}
  ${entry} thaw entra --scope client --admin ${adminUrl}
  # health and metrics
  curl -s '${adminUrl}/readyz?verbose'
  curl -s ${adminUrl}/metrics

The route file is ${configPath}: change it and the gateway follows.
Its log is ${folder}/gateway.log. Ctrl-C ends everything and removes the folder.
`;
};

const signalled = (context: DemoContext): Promise<void> =>
  new Promise((resolve) => {
    context.onSignal('SIGINT', resolve);
    context.onSignal('SIGTERM', resolve);
  });

/**
 * Plays the demo; resolves with the exit code: 0 if every row was as expected, else 1. Everything it
 * starts has ended, and its folder is gone, when it resolves.
 */
export const playDemo = async (
  context: DemoContext,
  options: Readonly<{ once: boolean }>,
): Promise<number> => {
  const absent = missing();
  if (absent.length > 0) {
    context.error(
      `The demo's sandbox target needs ${absent.join(', ')}, which a package does not bring: clone the repository, then npm ci && npm run demo.`,
    );
    return 1;
  }
  const ended = signalled(context);
  const token = randomBytes(24).toString('base64url');
  const sandbox = await spawnSandbox(token);
  try {
    const gateway = await startDemoGateway(context, { url: sandbox.url, token });
    try {
      await context.write(
        `target   ${sandbox.url} (SCIMMY, its own process)\ngateway  ${gateway.dataUrl}${routePath}\nfile     ${gateway.configPath}\n\n`,
      );
      const ids = new Map<string, string>();
      await seed(sandbox, token, ids);
      // Whom the rules protect is looked for in the background; here nobody wants to wait for it.
      await askAdmin(gateway, 'POST', '/protection/resolve', {});
      const good = await playAndCheck(context, gateway, sandbox, ids);
      if (!options.once) {
        await context.write(handOver(gateway, ids, 'npm run -s sallyport --'));
        await ended;
      }
      return good ? 0 : 1;
    } finally {
      await gateway.stop();
    }
  } finally {
    await sandbox.stop();
  }
};
