/** Sending against real local servers: what each way of failing is called, and what was on the wire. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { test } from 'node:test';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';
import type { Call } from '../../src/identity/call.ts';
import type { Sent } from '../../src/targets/send.ts';
import {
  closedPort,
  create,
  launch,
  listenOn,
  makeTestClock,
  options,
  read,
  serveHttp,
  serveRaw,
  target,
  until,
} from './harness.ts';

const ok =
  'HTTP/1.1 200 OK\r\ncontent-type: application/scim+json\r\ncontent-length: 11\r\n\r\n{"id":"27"}';
const answered = (sent: Sent) => {
  assert.ok(sent.kind === 'answered', JSON.stringify(sent));
  return sent.answer;
};
const kindOf = (sent: Sent) =>
  sent.kind === 'answered' ? [sent.kind, sent.answer.status] : [sent.kind, sent.code];

test('method, joined path, query, headers and body are printed as ours', async (t) => {
  let seen: Record<string, unknown> = {};
  const server = await serveHttp(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      response.writeHead(201, {
        etag: 'W/"1"',
        location: 'https://x/Users/1',
        'set-cookie': 'a=b',
        'x-secret': '1',
        'content-type': 'application/scim+json',
        date: 'Mon, 23 Nov 2026 12:00:00 GMT',
      });
      response.end('{"id":"1","__proto__":{"polluted":true},"a":{"\\u005f_proto__":1,"b":[1]}}');
    });
  });
  const source = target(
    `http://127.0.0.1:${server.port}/scim/v2/`,
    { auth: [{ bearer: '${env:X}' }] },
    {
      credentials: [
        { headerName: 'Authorization', headerValue: 'Bearer s3cret-token', expiresAt: Infinity },
      ],
    },
  );
  const targets = launch(t, source);
  const sendOptions = options({
    headers: { 'sallyport-ledger-id': 'led_1', traceparent: '00-a-b-01' },
  });
  const call: Call = { ...create, query: 'count=1', ifMatch: 'W/"2"' };
  const answer = answered(await targets.send('slack', call, sendOptions));
  const headers = seen['headers'] as Record<string, string>;
  assert.equal(seen['method'], 'POST');
  assert.equal(seen['url'], '/scim/v2/Users?count=1');
  assert.equal(seen['body'], create.body);
  assert.deepEqual(
    { ...headers },
    {
      host: `127.0.0.1:${server.port}`,
      connection: 'keep-alive',
      accept: 'application/scim+json, application/json;q=0.9',
      'accept-encoding': 'identity',
      'user-agent': 'sallyport',
      authorization: 'Bearer s3cret-token',
      'content-type': 'application/scim+json',
      'if-match': 'W/"2"',
      'sallyport-ledger-id': 'led_1',
      traceparent: '00-a-b-01',
      'content-length': String(create.body?.length),
    },
  );
  assert.deepEqual(
    { ...answer.headers },
    {
      etag: 'W/"1"',
      location: 'https://x/Users/1',
      'content-type': 'application/scim+json',
      date: 'Mon, 23 Nov 2026 12:00:00 GMT',
    },
  );
  assert.equal(JSON.stringify(answer.body), '{"id":"1","a":{"b":[1]}}');
  assert.equal(sendOptions.reports.length, 1);
  assert.equal(sendOptions.reports[0]?.status, 201);
  assert.equal(sendOptions.reports[0]?.serverPort, server.port);
});

const bodies: readonly [string, Buffer, Record<string, string>, boolean, unknown][] = [
  ['nothing', Buffer.alloc(0), {}, true, undefined],
  ['blank space', Buffer.from(' \r\n'), {}, true, undefined],
  ['null', Buffer.from('null'), {}, true, null],
  ['a byte order mark', Buffer.from('\ufeff{"a":1}'), {}, true, { a: 1 }],
  ['HTML', Buffer.from('<html>\u0007no</html>'), {}, false, undefined],
  ['half a JSON text', Buffer.from('{"a":'), {}, false, undefined],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, false, undefined],
  ['gzip we did not ask for', gzipSync('{}'), { 'content-encoding': 'gzip' }, false, undefined],
  ['identity', Buffer.from('{}'), { 'content-encoding': 'identity' }, true, {}],
  ['nesting without end', Buffer.from('['.repeat(100_000)), {}, false, undefined],
];
for (const [name, body, headers, readable, value] of bodies) {
  test(`a body of ${name}`, async (t) => {
    const server = await serveHttp(t, (_request, response) =>
      response.writeHead(200, headers).end(body),
    );
    const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
    const answer = answered(await targets.send('slack', read, options()));
    assert.equal(answer.readable, readable);
    assert.deepEqual(answer.body, value);
    assert.ok(answer.excerpt.length <= 300);
    assert.doesNotMatch(answer.excerpt, /\p{Cc}/u);
  });
}

test('an error page that echoes our credential is masked, whole and as a password', async (t) => {
  const basic = Buffer.from('user:pass-word-1').toString('base64');
  const server = await serveHttp(t, (request, response) => {
    response.writeHead(400).end(`{"detail":"bad ${request.headers.authorization} pass-word-1"}`);
  });
  const source = target(
    `http://127.0.0.1:${server.port}`,
    {},
    {
      credentials: [
        { headerName: 'authorization', headerValue: `Basic ${basic}`, expiresAt: Infinity },
      ],
    },
  );
  const answer = answered(await launch(t, source).send('slack', read, options()));
  assert.doesNotMatch(JSON.stringify(answer), new RegExp(`${basic}|pass-word-1`));
  assert.match(answer.excerpt, /bad Basic \*\*\* \*\*\*/);
});

test('a redirect is an answer like any other, and early hints are passed over', async (t) => {
  let calls = 0;
  const server = await serveHttp(t, (_request, response) => {
    calls += 1;
    response.writeEarlyHints({ link: '</x>; rel=preload' });
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
  assert.equal(answered(await targets.send('slack', create, options())).status, 307);
  assert.equal(calls, 1);
});

type Wire = Parameters<typeof serveRaw>[1];
/** What the other side does with a mutation that it has read, and what that is called. */
const doubts: readonly [string, Wire, string, RegExp][] = [
  ['hangs', () => {}, 'target_timeout', /timeout/],
  ['closes without a word', (socket) => socket.end(), 'target_unreachable', /closed/],
  ['resets', (socket) => socket.resetAndDestroy(), 'target_unreachable', /ECONNRESET|closed/],
  [
    'answers garbage',
    (socket) => socket.write('SSH-2.0-OpenSSH\r\n\r\n'),
    'target_unreachable',
    /malformed/,
  ],
  [
    'resets after the headers',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n');
      setImmediate(() => socket.resetAndDestroy());
    },
    'target_unreachable',
    /ECONNRESET|closed|cut/,
  ],
  [
    'ends in the middle of the body',
    (socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"id"');
    },
    'target_unreachable',
    /closed|cut|malformed/,
  ],
  [
    'ends in the middle of a chunk',
    (socket) => {
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"i');
    },
    'target_unreachable',
    /closed|cut|malformed/,
  ],
  ['drips one byte and stops', (socket) => socket.write('H'), 'target_timeout', /timeout/],
  [
    'stops in the middle of the body',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"id"');
    },
    'target_timeout',
    /timeout/,
  ],
  [
    'answers more than 8 MiB',
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${9 * 1024 * 1024}\r\n\r\n`);
      socket.write(Buffer.alloc(9 * 1024 * 1024, 0x20));
    },
    'target_unreachable',
    /too_large/,
  ],
  [
    'sends headers without end',
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(64 * 1024)}`);
    },
    'target_unreachable',
    /too_large/,
  ],
  [
    'switches protocols',
    (socket) => {
      socket.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    },
    'target_unreachable',
    /closed|failure/,
  ],
];
for (const [name, wire, code, reason] of doubts) {
  test(`a target that ${name} leaves a mutation in doubt, sent once`, async (t) => {
    let requests = 0;
    const server = await serveRaw(t, (socket, chunk, connection) => {
      if (chunk.includes('POST ')) requests += 1;
      wire(socket, chunk, connection);
    });
    // Short only where time is the matter: nine megabytes may take longer on a busy machine.
    const timeout = code === 'target_timeout' ? '150ms' : '10s';
    const targets = launch(t, target(`http://127.0.0.1:${server.port}`, { timeout }));
    const sendOptions = options();
    const sent = await targets.send('slack', { ...create, repeatable: true }, sendOptions);
    assert.deepEqual(kindOf(sent), ['in-doubt', code]);
    assert.match((sent as { reason: string }).reason, reason);
    assert.equal(sent.attempts, 1);
    assert.equal(requests, 1);
    assert.equal(sendOptions.reports.length, 1);
    assert.equal(sendOptions.reports[0]?.status, null);
  });
}

test('an idle connection that the target closes while we write leaves the mutation in doubt', async (t) => {
  let posts = 0;
  const server = await serveRaw(t, (socket, chunk) => {
    if (chunk.includes('GET ')) {
      socket.write(ok);
      return;
    }
    posts += 1;
    socket.destroy();
  });
  const targets = launch(
    t,
    target(`http://127.0.0.1:${server.port}`, { limits: { concurrent: 1 } }),
  );
  answered(await targets.send('slack', read, options()));
  const sent = await targets.send('slack', create, options());
  assert.deepEqual(kindOf(sent), ['in-doubt', 'target_unreachable']);
  assert.equal(posts, 1);
});

test('a read is repeated after a reset and after 503; a mutation is not', async (t) => {
  let turn = 0;
  const server = await serveRaw(t, (socket, _chunk) => {
    turn += 1;
    const busy = 'HTTP/1.1 503 No\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n';
    if (turn === 1) socket.destroy();
    else socket.write(turn === 2 ? busy : ok);
  });
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
  const sendOptions = options();
  const sent = await targets.send('slack', read, sendOptions);
  assert.equal(answered(sent).status, 200);
  assert.equal(sent.attempts, 3);
  assert.deepEqual(
    sendOptions.reports.map(({ ordinal, errorType }) => [ordinal, errorType !== null]),
    [
      [1, true],
      [2, true],
      [3, false],
    ],
  );
  turn = 1;
  assert.deepEqual(kindOf(await targets.send('slack', create, options())), ['answered', 503]);
  assert.equal(turn, 2);
});

test('a Retry-After beyond the deadline gives the answer back', async (t) => {
  const server = await serveHttp(t, (_request, response) =>
    response.writeHead(429, { 'retry-after': '60' }).end(),
  );
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
  const sent = await targets.send('slack', read, options());
  assert.deepEqual(kindOf(sent), ['answered', 429]);
  assert.equal(sent.attempts, 1);
});

test('without a retry budget nothing is repeated', async (t) => {
  const server = await serveHttp(t, (_request, response) => response.writeHead(503).end());
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`, { retry: { budget: '0%' } }));
  assert.equal((await targets.send('slack', read, options())).attempts, 1);
});

test('after 401 the next credential is tried, also for a mutation, and goes first for a minute', async (t) => {
  const seen: (string | undefined)[] = [];
  const server = await serveHttp(t, (request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(request.headers.authorization === 'Bearer second-one' ? 201 : 401).end();
  });
  const slot = (value: string, expiresAt = Infinity) => ({
    headerName: 'authorization',
    headerValue: `Bearer ${value}`,
    expiresAt,
  });
  const notes: string[] = [];
  const source = target(
    `http://127.0.0.1:${server.port}`,
    { auth: [{ bearer: '${env:X}' }] },
    {
      credentials: [slot('expired-one', 1), slot('first-one'), slot('second-one')],
    },
  );
  const targets = launch(t, source, { notes });
  assert.deepEqual(kindOf(await targets.send('slack', create, options())), ['answered', 201]);
  assert.deepEqual(kindOf(await targets.send('slack', create, options())), ['answered', 201]);
  assert.deepEqual(seen, ['Bearer first-one', 'Bearer second-one', 'Bearer second-one']);
  assert.deepEqual(notes, ['target.credential.refused']);
});

test('a 401 to the only credential is the answer', async (t) => {
  const server = await serveHttp(t, (_request, response) => response.writeHead(401).end('{}'));
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
  assert.deepEqual(kindOf(await targets.send('slack', create, options())), ['answered', 401]);
});

// --- not sent: proven by a server that counts bytes --------------------------------------------

test('a last check that refuses stops the call before a byte, on a new and on an idle connection', async (t) => {
  const server = await serveRaw(t, (socket) => socket.write(ok));
  const targets = launch(
    t,
    target(`http://127.0.0.1:${server.port}`, { limits: { concurrent: 1 } }),
  );
  const sendOptions = options({ lastCheck: () => 'caller_refused' });
  assert.deepEqual(kindOf(await targets.send('slack', create, sendOptions)), [
    'not-sent',
    'caller_refused',
  ]);
  assert.equal(server.bytes(), 0);
  assert.equal(sendOptions.reports.length, 0);
  answered(await targets.send('slack', read, options()));
  const after = server.bytes();
  const frozen = await targets.send('slack', create, options({ lastCheck: () => 'target_frozen' }));
  assert.deepEqual(kindOf(frozen), ['not-sent', 'target_frozen']);
  const broken = await targets.send(
    'slack',
    create,
    options({
      lastCheck: () => {
        throw new Error('defect');
      },
    }),
  );
  assert.deepEqual(kindOf(broken), ['not-sent', 'internal']);
  assert.equal(server.bytes(), after);
  assert.equal(server.sockets.size, 1, 'the connection is kept');
  answered(await targets.send('slack', read, options()));
});

test('the last check runs after waiting for a slot, not before', async (t) => {
  let release = (): void => {};
  const server = await serveRaw(t, (socket) => {
    release = () => void socket.write(ok);
  });
  const targets = launch(
    t,
    target(`http://127.0.0.1:${server.port}`, { limits: { concurrent: 1 } }),
  );
  const first = targets.send('slack', read, options());
  await until(() => server.bytes() > 0);
  let revoked = false;
  const second = targets.send(
    'slack',
    create,
    options({
      lastCheck: () => (revoked ? 'caller_refused' : null),
    }),
  );
  await until(() => targets.state()[0]?.queued === 1);
  const before = server.bytes();
  revoked = true;
  release();
  answered(await first);
  assert.deepEqual(kindOf(await second), ['not-sent', 'caller_refused']);
  assert.equal(server.bytes(), before);
});

test('a credential that expires while the call waits is not sent', async (t) => {
  const clock = makeTestClock();
  const server = await serveRaw(t, (socket) => socket.write(ok));
  const source = target(
    `http://127.0.0.1:${server.port}`,
    { auth: [{ bearer: '${env:X}' }] },
    {
      credentials: [
        { headerName: 'authorization', headerValue: 'Bearer x', expiresAt: clock.now() + 5 },
      ],
    },
  );
  const targets = launch(t, source, { clock });
  const sending = targets.send('slack', create, options({}, clock));
  clock.advance(10);
  assert.deepEqual(kindOf(await sending), ['not-sent', 'target_unconfigured']);
  assert.deepEqual(kindOf(await targets.send('slack', create, options({}, clock))), [
    'not-sent',
    'target_unconfigured',
  ]);
  assert.equal(server.bytes(), 0);
});

test('nobody listens: every attempt is made, none is sent', async (t) => {
  const targets = launch(t, target(`http://127.0.0.1:${await closedPort()}`));
  const sendOptions = options();
  const sent = await targets.send('slack', create, sendOptions);
  assert.deepEqual(kindOf(sent), ['not-sent', 'target_unreachable']);
  assert.equal((sent as { reason: string }).reason, 'ECONNREFUSED');
  assert.equal(sent.attempts, 3);
  assert.equal(sendOptions.reports.length, 0);
});

test('a target that comes back between two attempts gets the mutation once', async (t) => {
  const port = await closedPort();
  let asked = 0;
  const { createServer } = await import('node:http');
  const posts: string[] = [];
  const targets = launch(t, target(`http://scim.example.com:${port}`), {
    resolve: (_host, done) => {
      asked += 1;
      if (asked === 1) {
        done(Object.assign(new Error('x'), { code: 'EAI_AGAIN' }), []);
        return;
      }
      const listening = createServer((request, response) => {
        posts.push(request.method as string);
        response.writeHead(201).end();
      });
      listening.once('listening', () => done(null, [{ address: '127.0.0.1', family: 4 }]));
      void listenOn(t, listening, port);
    },
  });
  const sent = await targets.send('slack', create, options());
  assert.deepEqual(kindOf(sent), ['answered', 201]);
  assert.equal(sent.attempts, 2);
  assert.deepEqual(posts, ['POST']);
});

test('a private address is refused at once and not repeated', async (t) => {
  const server = await serveRaw(t, (socket) => socket.write(ok));
  for (const base of ['http://127.0.0.1', 'http://[::ffff:127.0.0.1]', 'http://scim.example.com']) {
    const targets = launch(t, target(`${base}:${server.port}`, { allowPrivate: [] }), {
      resolve: (_host, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    const sent = await targets.send('slack', create, options());
    assert.deepEqual(kindOf(sent), ['not-sent', 'target_unreachable']);
    assert.equal((sent as { reason: string }).reason, 'address_blocked');
    assert.equal(sent.attempts, 1);
  }
  assert.equal(server.bytes(), 0);
});

test('a name that never resolves ends at the deadline, not sent', async (t) => {
  const targets = launch(
    t,
    target('http://scim.example.com', { timeout: '50ms', retry: { attempts: 1 } }),
    {
      resolve: () => {},
    },
  );
  assert.deepEqual(kindOf(await targets.send('slack', create, options())), [
    'not-sent',
    'target_timeout',
  ]);
});

const pem = (name: string) =>
  readFileSync(new URL(`../vectors/tls/localhost-${name}.pem`, import.meta.url), 'utf8');

test('a certificate that nobody vouches for, or of another name, stops before the first byte', async (t) => {
  let requests = 0;
  const https = createHttps({ key: pem('key'), cert: pem('cert') }, (_request, response) => {
    requests += 1;
    response.end('{}');
  });
  const server = await listenOn(t, https);
  const resolve = (
    _host: string,
    done: (e: null, a: { address: string; family: number }[]) => void,
  ) => done(null, [{ address: '127.0.0.1', family: 4 }]);
  const selfSigned = launch(t, target(`https://localhost:${server.port}`), { resolve });
  const sent = await selfSigned.send('slack', create, options());
  assert.deepEqual(kindOf(sent), ['not-sent', 'target_unreachable']);
  assert.equal((sent as { reason: string }).reason, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  assert.equal(sent.attempts, 1);
  const before = tls.getCACertificates('default');
  t.after(() => tls.setDefaultCACertificates(before));
  tls.setDefaultCACertificates([...before, pem('cert')]);
  const trusted = launch(t, target(`https://localhost:${server.port}`), { resolve });
  assert.deepEqual(kindOf(await trusted.send('slack', create, options())), ['answered', 200]);
  assert.equal(requests, 1);
  for (const host of ['other.example.com', '127.0.0.1']) {
    const misnamed = launch(t, target(`https://${host}:${server.port}`), { resolve });
    const refused = await misnamed.send('slack', create, options());
    assert.deepEqual(kindOf(refused), ['not-sent', 'target_unreachable']);
    assert.equal((refused as { reason: string }).reason, 'ERR_TLS_CERT_ALTNAME_INVALID');
  }
  assert.equal(requests, 1);
});

test('what cannot be written as HTTP is not sent', async (t) => {
  const server = await serveRaw(t, (socket) => socket.write(ok));
  const targets = launch(t, target(`http://127.0.0.1:${server.port}`));
  const bad: [Partial<Call>, Record<string, string>][] = [
    [{ path: '/Users/a b' }, {}],
    [{ path: '/Users/\r\nx: y' }, {}],
    [{ path: '/Users/é' }, {}],
    [{ path: '/Users#x' }, {}],
    [{ query: 'a=\n' }, {}],
    [{ ifMatch: 'a\r\nx: y' }, {}],
    [{}, { 'x-y': 'a\nb' }],
    [{}, { authorization: 'Bearer mine' }],
    [{}, { 'bad name': 'x' }],
    [{}, { host: 'elsewhere' }],
    [{}, { 'transfer-encoding': 'chunked' }],
  ];
  for (const [call, headers] of bad) {
    const sent = await targets.send('slack', { ...create, ...call }, options({ headers }));
    assert.deepEqual(kindOf(sent), ['not-sent', 'internal'], JSON.stringify([call, headers]));
  }
  assert.equal(server.bytes(), 0);
  answered(await targets.send('slack', read, options()));
});

test('a full queue, an expired wait and an open breaker refuse without a byte', async (t) => {
  const server = await serveRaw(t, () => {});
  const clock = makeTestClock();
  const changes: string[] = [];
  const targets = launch(
    t,
    target(`http://127.0.0.1:${server.port}`, {
      limits: { concurrent: 1, queue: 2, wait: '1s' },
      timeout: '3s',
      breaker: { minimum: 1 },
    }),
    { clock, changes },
  );
  const first = targets.send('slack', create, options({}, clock));
  await until(() => server.bytes() > 0);
  const before = server.bytes();
  const waiting = targets.send('slack', create, options({}, clock));
  const full = await targets.send('slack', create, options({}, clock));
  assert.deepEqual(
    [...kindOf(full), (full as { reason: string }).reason],
    ['not-sent', 'target_overloaded', 'queue_full'],
  );
  const leaver = targets.send('slack', create, options({ revocation: true }, clock));
  assert.equal(targets.state()[0]?.queued, 2);
  clock.advance(1_000);
  for (const sent of [await waiting, await leaver]) {
    assert.deepEqual(
      [...kindOf(sent), (sent as { reason: string }).reason],
      ['not-sent', 'target_overloaded', 'queue_expired'],
    );
  }
  clock.advance(2_000);
  assert.deepEqual(kindOf(await first), ['in-doubt', 'target_timeout']);
  assert.deepEqual(changes, ['open']);
  const refused = await targets.send('slack', create, options({ revocation: true }, clock));
  assert.deepEqual(refused, {
    kind: 'not-sent',
    code: 'target_overloaded',
    reason: 'breaker_open',
    attempts: 0,
    retryAfterSeconds: 15,
  });
  assert.equal(server.bytes(), before);
});

test('unknown, unconfigured and credential-less targets are not sent to', async (t) => {
  const server = await serveRaw(t, (socket) => socket.write(ok));
  const base = `http://127.0.0.1:${server.port}`;
  const unresolved = launch(t, target(base, {}, { unconfigured: 'secret' }));
  const empty = launch(t, target(base, { auth: [{ bearer: '${env:X}' }] }));
  for (const [targets, name] of [
    [unresolved, 'slack'],
    [empty, 'slack'],
    [empty, '__proto__'],
  ] as const) {
    assert.deepEqual(kindOf(await targets.send(name, create, options())), [
      'not-sent',
      'target_unconfigured',
    ]);
  }
  assert.equal(server.bytes(), 0);
});
