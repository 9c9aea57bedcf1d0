/**
 * How the house is kept, enforced: what may import what, what stays pure, how files are named, opened
 * and how long they grow. A rule that is bent is a rule that is changed here, with a reason.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const filesUnder = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();

type Import = Readonly<{ from: string; typeOnly: boolean }>;
type Source = Readonly<{ file: string; text: string; code: string; imports: readonly Import[] }>;

/** Text without comments: good enough for searching names, not for parsing. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{}(),])\/\/.*$/gm, '$1');

const importPattern =
  /^(?:import|export)\s+(type\s+)?([^;'"]*?)\s*(?:from\s+)?'([^']+)'(?:\s+with\s+\{[^}]*\})?;/gm;
const dynamicPattern = /\bimport\(\s*'([^']+)'\s*\)|new URL\('(\.{1,2}\/[^']+\.ts)'/g;

/** `import { type A, type B }` is erased as a whole under verbatimModuleSyntax only if written `import type`. */
const importsOf = (code: string): readonly Import[] => [
  ...[...code.matchAll(importPattern)].map(([, type, , from]) => ({
    from: String(from),
    typeOnly: type !== undefined,
  })),
  ...[...code.matchAll(dynamicPattern)].map(([, dynamic, url]) => ({
    from: dynamic ?? String(url),
    typeOnly: false,
  })),
];

const read = (file: string): Source => {
  const text = readFileSync(join(root, file), 'utf8');
  const code = withoutComments(text);
  return { file, text, code, imports: importsOf(code) };
};
const sources = filesUnder('src').map(read);
const tests = filesUnder('test').map(read);

/** Level of each room or file at the top of src; imports go down (architecture.md). */
const levels: Readonly<Record<string, number>> = {
  'errors.ts': 0,
  'clock.ts': 0,
  'ids.ts': 0,
  'sealing.ts': 0,
  'scalars.ts': 0,
  'store-feed.ts': 0,
  'expressions.ts': 0,
  identity: 1,
  policy: 1,
  callers: 2,
  limits: 2,
  ledger: 2,
  targets: 2,
  signatures: 2,
  telemetry: 2,
  'snapshot.ts': 3,
  passage: 3,
  http: 4,
  deliveries: 4,
  holds: 4,
  safety: 4,
  undo: 4,
  drift: 4,
  reports: 4,
  admin: 4,
  config: 5,
  storage: 5,
  'readiness.ts': 5,
  'gateway.ts': 6,
  'beginning.ts': 6,
  'webhooks.ts': 6,
  'safeguards.ts': 6,
  'last-good.ts': 6,
  'foundation.ts': 6,
  demo: 7,
  commands: 8,
  'main.ts': 9,
};

/** Rooms: a folder of src, or one file at its top. */
const roomOf = (file: string): string => String(file.split('/')[1]);
const levelOf = (file: string): number => {
  const level = levels[roomOf(file)];
  assert.ok(level !== undefined, `${file}: give its room a level in test/tidy.test.ts`);
  return level;
};
const inside = ({ file, imports }: Source): readonly (Import & Readonly<{ to: string }>)[] =>
  imports
    .filter(({ from }) => from.startsWith('.'))
    .map((one) => ({ ...one, to: join(dirname(file), one.from).replaceAll('\\', '/') }))
    .filter(({ to }) => to.startsWith('src/'));

/** Strongly connected files by depth-first search; gives one circle or null. */
const circleIn = (edges: ReadonlyMap<string, readonly string[]>): readonly string[] | null => {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): readonly string[] | null => {
    if (done.has(file)) return null;
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    path.push(file);
    for (const next of edges.get(file) ?? []) {
      const circle = visit(next);
      if (circle !== null) return circle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of edges.keys()) {
    const circle = visit(file);
    if (circle !== null) return circle;
  }
  return null;
};

const allow = (found: readonly string[], why: string): void => {
  assert.deepEqual(found, [], why);
};

describe('imports', () => {
  it('finds the imports that are there', () => {
    const gateway = sources.find(({ file }) => file === 'src/gateway.ts');
    assert.ok(gateway !== undefined && inside(gateway).length > 10);
    assert.ok(gateway.imports.some(({ typeOnly }) => typeOnly));
    assert.equal(sources.length > 150, true);
  });

  it('go down; within a level only types cross from room to room', () => {
    const wrong = sources.flatMap((source) =>
      inside(source).flatMap(({ to, typeOnly }) => {
        if (roomOf(source.file) === roomOf(to)) return [];
        const down = levelOf(source.file) - levelOf(to);
        return down > 0 || (down === 0 && typeOnly) ? [] : [`${source.file} -> ${to}`];
      }),
    );
    // The life of a gateway is one part in several files.
    const life = [
      'src/gateway.ts',
      'src/beginning.ts',
      'src/webhooks.ts',
      'src/safeguards.ts',
      'src/foundation.ts',
      'src/last-good.ts',
    ];
    allow(
      wrong.filter((line) => !line.split(' -> ').every((file) => life.includes(file))),
      'imports go up',
    );
  });

  it('make no circle at run time, from file to file', () => {
    const edges = new Map(
      sources.map((source) => [
        source.file,
        inside(source)
          .filter(({ typeOnly }) => !typeOnly)
          .map(({ to }) => to),
      ]),
    );
    assert.equal(circleIn(edges), null);
  });

  it('make no circle of types between rooms', () => {
    const edges = new Map<string, string[]>();
    for (const source of sources) {
      const room = roomOf(source.file);
      const others = inside(source)
        .map(({ to }) => roomOf(to))
        .filter((other) => other !== room);
      edges.set(room, [...(edges.get(room) ?? []), ...others]);
    }
    assert.equal(circleIn(edges), null);
  });

  it('name files with their extension, and each room its own engine', () => {
    allow(
      sources.flatMap(({ file, imports }) =>
        imports
          .filter(
            ({ from }) => from.startsWith('.') && !from.endsWith('.ts') && !from.endsWith('.json'),
          )
          .map(({ from }) => `${file}: ${from}`),
      ),
      'relative imports end in .ts',
    );
    const engines = sources.filter(
      ({ file, code }) =>
        !/^src\/(storage|foundation)/.test(file) &&
        /storage\/(?:sqlite|postgres)|better-sqlite3|from 'pg'/.test(code),
    );
    allow(
      engines.map(({ file }) => file),
      'only foundation.ts names an engine',
    );
  });
});

describe('purity', () => {
  const pure = sources.filter(({ file }) => /^src\/(identity|policy)\//.test(file));

  it('of identity and policy: no node, no waiting, no clock, no process, no console', () => {
    const banned =
      /\bfrom 'node:|\basync\b|\bawait\b|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bconsole\.|\bsetTimeout\b|\bfetch\(/;
    assert.ok(pure.length > 60);
    allow(
      pure.flatMap(({ file, code }) =>
        banned.test(code) ? [`${file}: ${String(banned.exec(code)?.[0])}`] : [],
      ),
      'identity and policy are pure',
    );
  });

  it('of everything else: time, randomness and the process come from outside', () => {
    // The process edge, the time printed on a log line, the worker threads behind the store and the sandbox's own process.
    const edges =
      /^src\/(main|clock|ids)\.ts$|^src\/telemetry\/log\.ts$|^src\/telemetry\/log\.ts$|^src\/commands\/|^src\/demo\/|^src\/storage\/sqlite\//;
    const banned =
      /\bDate\.now\(|\bMath\.random\(|\bperformance\.now\(|\bprocess\.(?:env|exit|argv|stdout|stderr|on)\b|\bconsole\./;
    const found = sources.filter(({ file, code }) => !edges.test(file) && banned.test(code));
    allow(
      found.map(({ file, code }) => `${file}: ${String(banned.exec(code)?.[0])}`),
      'inject it',
    );
    const process = /\bprocess\.(?:env|exit|exitCode|argv|stdout|stderr|on)\b/;
    const processes = sources.filter(({ code }) => process.test(code)).map(({ file }) => file);
    const allowed = ['src/main.ts', 'src/demo/sandbox-process.ts'];
    allow(
      processes.filter((file) => !allowed.includes(file)),
      'only main.ts touches the process',
    );
  });

  it('of the way out: only the passage and the outbox send to targets', () => {
    const senders = sources
      .filter(({ code }) => /\btargets\.send\(/.test(code))
      .map(({ file }) => file);
    // `discover` reads two documents for a person at a terminal; it has no route and no client.
    // `forward` passes a webhook's own bytes on to whom the route names: they change no resource that
    // policy could judge. `enrich` reads one document of the source. Both send under the same guard.
    // `ask-target` reads whom to protect and how many there are, for the gateway itself.
    assert.deepEqual(senders, [
      'src/commands/discover.ts',
      'src/deliveries/enrich.ts',
      'src/deliveries/forward.ts',
      'src/passage/dispatch.ts',
      'src/passage/read-aside.ts',
      'src/safety/ask-target.ts',
    ]);
    const discover = sources.find(({ file }) => file === 'src/commands/discover.ts');
    assert.ok(
      /printCall\(\{ verb: 'discover'/.test(String(discover?.code)),
      'discovery only reads',
    );
    const recover = sources.find(({ file }) => file === 'src/passage/recover.ts');
    assert.ok(!/\b(?:printCall|dispatch)\(/.test(String(recover?.code)), 'recovery only reads');
    const codeOf = (file: string): string =>
      String(sources.find((source) => source.file === file)?.code);
    const safety = codeOf('src/safety/ask-target.ts');
    assert.ok(
      /type Looking = Extract<ReadOperation, \{ verb: 'read' \| 'search' \}>;/.test(safety) &&
        /operation: Looking,/.test(safety) &&
        /printCall\(operation, /.test(safety) &&
        !/\bmutation: |\bmethod: |\bbody: /.test(safety),
      'who is protected is only read',
    );
    const forward = codeOf('src/deliveries/forward.ts');
    assert.ok(/\bbody: null,\s+raw: \{[^}]*bytes: passing\.bytes \}/.test(forward));
    assert.ok(
      !/\bJSON\.|\bprintCall\(|\bBuffer\.(?:from|concat|alloc)/.test(forward),
      'forward makes no body of its own',
    );
    const bytesOf = /\bbytes: ([^,;]+),/g;
    const givers = sources.filter(({ code }) => /\bpassOn\(/.test(code)).map(({ file }) => file);
    assert.deepEqual(givers, ['src/deliveries/ask-receiver.ts', 'src/deliveries/try-delivery.ts']);
    assert.deepEqual(
      [...codeOf('src/deliveries/ask-receiver.ts').matchAll(bytesOf)].map(([, bytes]) => bytes),
      ['kept.body'],
      'what is asked is what came in, without a secret',
    );
    const enrich = codeOf('src/deliveries/enrich.ts');
    assert.ok(/method: 'GET'/.test(enrich) && /body: null/.test(enrich) && !/\braw:/.test(enrich));
    const http = sources
      .filter(({ imports }) => imports.some(({ from, typeOnly }) => from === 'undici' && !typeOnly))
      .map(({ file }) => file);
    allow(
      http.filter((file) => !/^src\/(targets|commands|telemetry|demo)\//.test(file)),
      'who speaks HTTP',
    );
  });
});

/** Data tables, which may be long (style.md). */
const dataTables = new Set([
  'src/identity/scim/rfc-schemas.ts',
  'src/identity/dialects/table.ts',
  'src/errors.ts',
  'src/demo/session.ts',
]);
const linesMax = 400;

describe('files', () => {
  it('stay below 400 lines', () => {
    const long = sources
      .filter(({ file }) => !dataTables.has(file))
      .map(({ file, text }) => ({ file, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > linesMax);
    allow(
      long.map(({ file, lines }) => `${file}: ${lines}`),
      'split it',
    );
  });

  it('open with what they hide, in one to eight lines', () => {
    // A test file is named after what it tests, which opens for both.
    const opening = [...sources, ...tests.filter(({ file }) => !file.endsWith('.test.ts'))];
    const bare = opening.filter(({ text }) => {
      const [head] = /^(?:#!.*\n)?\/\*\*[\s\S]*?\*\//.exec(text) ?? [];
      if (head === undefined) return true;
      const lines = head
        .split('\n')
        .filter((line) => /[A-Za-z]/.test(line) && !/^#!|──/.test(line)); // lines of diagrams are not text
      return lines.length < 1 || lines.length > 8;
    });
    allow(
      bare.map(({ file }) => file),
      'open the file with a comment of 1 to 8 lines',
    );
  });

  it('are named in kebab-case, by what they hold', () => {
    const banned = new Set([
      'index',
      'utils',
      'util',
      'helpers',
      'helper',
      'types',
      'manager',
      'service',
      'common',
      'misc',
      'shared',
    ]);
    const wrong = [...sources, ...tests].filter(({ file }) => {
      const name = String(file.split('/').at(-1)).replace(/(\.test)?\.ts$/, '');
      return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || banned.has(name);
    });
    allow(
      wrong.map(({ file }) => file),
      'rename it',
    );
    const folders = [...sources, ...tests].flatMap(({ file }) => file.split('/').slice(1, -1));
    allow(
      folders.filter((name) => banned.has(name) && name !== 'support'),
      'rename the folder',
    );
  });

  it('export by name, and leave nothing for later', () => {
    const banned = [
      [/\bexport default\b/, 'default export'],
      [/@ts-(?:ignore|nocheck|expect-error)/, 'ts-ignore'],
      [/\b(?:TODO|FIXME|XXX|HACK)\b/, 'left for later'],
      [/oxlint-disable|eslint-disable/, 'lint switched off'],
      [/\.only\(|\bit\.skip\(|\btest\.skip\(|\bit\.todo\(/, 'a test switched off'],
    ] as const;
    const found = [...sources, ...tests]
      .filter(({ file }) => file !== 'test/tidy.test.ts')
      .flatMap(({ file, text }) =>
        banned.flatMap(([pattern, name]) => (pattern.test(text) ? [`${file}: ${name}`] : [])),
      );
    allow(found, 'finish it');
  });
});
