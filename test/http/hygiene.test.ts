/** The edge over raw sockets: whatever two readers could read differently is refused (§1.5 of the practice notes). */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { startFixture, targetToken, type Fixture } from '../support/fixture.ts';
import { connectRaw, sendRaw, type RawAnswer } from '../support/raw-http.ts';
import { base, make, patch, user } from '../support/scim-calls.ts';

describe('hygiene at the data listener', () => {
  let fixture: Fixture;
  let port: number;
  let ann: string;
  before(async () => {
    fixture = await startFixture();
    ({ port } = fixture.gateway.data);
    ann = await make(fixture, 'Users', user('ann@example.com'));
  });
  after(() => fixture.stop());

  const request = (
    line: string,
    headers: readonly string[] = [],
    body: string | Buffer = '',
    host = 'host: localhost',
  ): Buffer =>
    Buffer.concat([
      Buffer.from(
        [
          line,
          ...(host === '' ? [] : [host]),
          `authorization: Bearer ${fixture.keys['full']}`,
          ...headers,
          '',
          '',
        ].join('\r\n'),
      ),
      Buffer.from(body),
    ]);
  const post = (headers: readonly string[], body: string | Buffer): Buffer =>
    request(`POST ${base}/Users HTTP/1.1`, headers, body);
  const codeOf = (answer: RawAnswer | null): string | undefined =>
    /"code":"([a-z_]+)"/.exec(answer?.body ?? '')?.[1];
  const joe = JSON.stringify(user('joe@example.com'));
  const sized = (body: string | Buffer): string => `content-length: ${Buffer.byteLength(body)}`;

  const refused = async (
    name: string,
    bytes: Buffer,
    status: number,
    code: string,
  ): Promise<void> => {
    const count = fixture.sandbox.seen().length;
    const answer = await sendRaw(port, bytes);
    assert.equal(answer?.status, status, `${name}: ${answer?.head}\n${answer?.body}`);
    assert.equal(codeOf(answer), code, `${name}: ${answer?.body}`);
    assert.ok(!answer?.body.includes(targetToken));
    assert.ok(!answer?.body.includes(String(fixture.keys['full'])));
    assert.equal(fixture.sandbox.seen().length, count, `${name} reached the target`);
  };

  it('serves the clean request that the table below bends', async () => {
    const answer = await sendRaw(port, request(`GET ${base}/Users/${ann} HTTP/1.1`));
    assert.equal(answer?.status, 200);
  });

  it('refuses paths that two readers read differently', async () => {
    const paths = [
      `${base}/Users%2f${ann}`,
      `${base}/Users%5c${ann}`,
      `${base}/Users/%00`,
      `${base}/Users/a%3bb`,
      `${base}/Users/a%3fb`,
      `${base}/Users/a%23b`,
      `${base}/Users/a%25b`,
      `${base}/Users/%2e%2e/Groups`,
      `${base}/Users/../Groups`,
      `${base}/Users/./${ann}`,
      `${base}//Users`,
      `/scim/other/..${base.slice(5)}/Users`,
      `${base}/Users;x=1/${ann}`,
      `${base}/Users\\${ann}`,
      `http://localhost${base}/Users`,
      `//localhost${base}/Users`,
      '*',
    ];
    for (const path of paths) {
      await refused(path, request(`GET ${path} HTTP/1.1`), 400, 'request_suspicious');
    }
  });

  it('refuses headers that could be read as others, or twice', async () => {
    const get = `GET ${base}/Users/${ann} HTTP/1.1`;
    const headers = [
      ['x-http-method-override: DELETE'],
      ['X-HTTP-Method: DELETE'],
      ['x-method-override: DELETE'],
      ['x-original-url: /admin'],
      ['x-rewrite-url: /admin'],
      ['x_auth_user: admin'],
      ['authorization: Bearer other'],
      ['x-api-key: a', 'x-api-key: b'],
      ['host: elsewhere'],
      ['if-match: "a"', 'if-match: "b"'],
    ];
    for (const lines of headers) {
      await refused(lines.join(), request(get, lines), 400, 'request_suspicious');
    }
  });

  it('refuses a missing or malformed Host', async () => {
    for (const host of ['', 'host: ', 'host: a b', 'host: evil@host', 'host: x/y', 'host: a,b']) {
      await refused(
        host,
        request(`GET ${base}/Users HTTP/1.1`, [], '', host),
        400,
        'request_suspicious',
      );
    }
  });

  it('refuses framing that hides a second request', async () => {
    const frames = [
      [sized(joe), 'transfer-encoding: chunked'],
      [sized(joe), 'content-length: 3'],
      ['content-length: 3,4'],
      ['content-length: -1'],
      ['content-length: 0x10'],
      ['transfer-encoding: chunked, identity'],
      ['transfer-encoding: chunked', 'transfer-encoding: identity'],
      ['transfer-encoding : chunked'],
    ];
    for (const lines of frames) {
      const bytes = post(lines, joe);
      await refused(lines.join(' | '), bytes, 400, 'request_suspicious');
    }
    await refused(
      'bare CR',
      request(`GET ${base}/Users HTTP/1.1`, ['x-a: b\rc: d']),
      400,
      'request_suspicious',
    );
    await refused(
      'line folding',
      request(`GET ${base}/Users HTTP/1.1`, ['x-a: b', ' folded']),
      400,
      'request_suspicious',
    );
  });

  it('refuses methods it does not serve, naming those it does', async () => {
    for (const method of ['TRACE', 'OPTIONS', 'PURGE', 'PROPFIND']) {
      const answer = await sendRaw(port, request(`${method} ${base}/Users HTTP/1.1`));
      assert.equal(answer?.status, 405, method);
      assert.match(answer.head, /^allow: GET, POST, PUT, PATCH, DELETE$/im);
    }
  });

  it('refuses compressed, foreign and mis-encoded bodies', async () => {
    const zipped = gzipSync(joe);
    await refused(
      'gzip',
      post(['content-encoding: gzip', sized(zipped)], zipped),
      415,
      'media_type_unsupported',
    );
    const types = [
      'text/json',
      'application/json; charset=utf-16',
      'application/json; charset=latin1',
      'multipart/form-data; boundary=x',
      'application/json, text/plain',
    ];
    for (const type of types) {
      await refused(
        type,
        post([`content-type: ${type}`, sized(joe)], joe),
        415,
        'media_type_unsupported',
      );
    }
    const broken = Buffer.concat([
      Buffer.from('{"userName":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    await refused('bad UTF-8', post([sized(broken)], broken), 400, 'body_malformed');
    const overlong = Buffer.concat([
      Buffer.from('{"userName":"'),
      Buffer.from([0xc0, 0xaf]),
      Buffer.from('"}'),
    ]);
    await refused('overlong UTF-8', post([sized(overlong)], overlong), 400, 'body_malformed');
    const wide = Buffer.from(joe, 'utf16le');
    await refused('UTF-16', post([sized(wide)], wide), 400, 'request_suspicious');
  });

  it('reads a body behind a byte order mark, or refuses it; never something else', async () => {
    const marked = `\ufeff${JSON.stringify(user('bom@example.com'))}`;
    const answer = await sendRaw(port, post([sized(marked)], marked));
    if (answer?.status === 201) assert.match(answer.body, /bom@example\.com/);
    else assert.equal(codeOf(answer), 'body_malformed', answer?.body);
  });

  it('refuses what is too long to be a request', async () => {
    const long = 'x'.repeat(17_000);
    const header = await sendRaw(port, request(`GET ${base}/Users HTTP/1.1`, [`x-long: ${long}`]));
    assert.equal(header?.status, 431);
    const url = await sendRaw(port, request(`GET ${base}/Users?filter=${long} HTTP/1.1`));
    assert.ok(url?.status === 400 || url?.status === 431, url?.head);
  });

  it('answers 413 for a declared and for a chunked body over the cap, then closes', async () => {
    const big = 'x'.repeat(70_000);
    for (const bytes of [
      post([sized(big)], big),
      post(['transfer-encoding: chunked'], `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`),
    ]) {
      const connection = connectRaw(port);
      connection.write(bytes);
      const answer = await connection.answer();
      assert.equal(answer?.status, 413, answer?.head);
      assert.match(answer.head, /^connection: close$/im);
      connection.write(request(`GET ${base}/Users/${ann} HTTP/1.1`));
      assert.equal(
        await connection.answer(),
        null,
        'the rest of the body is never read as a request',
      );
      await connection.closed;
    }
  });

  it('keeps a connection after a refusal whose body was read', async () => {
    const connection = connectRaw(port);
    connection.write(post(['content-length: 1'], '{'));
    assert.equal((await connection.answer())?.status, 400);
    connection.write(request(`GET ${base}/Users/${ann} HTTP/1.1`));
    assert.equal((await connection.answer())?.status, 200);
    connection.socket.destroy();
  });

  it('never reads the body of a refused call as the next request', async () => {
    const smuggled = `DELETE ${base}/Users/${ann} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${fixture.keys['full']}\r\n\r\n`;
    const count = fixture.sandbox.seen().length;
    for (const line of [
      `POST ${base}/Users HTTP/1.1\r\nhost: localhost`,
      `POST /nowhere HTTP/1.1\r\nhost: localhost`,
      `POST ${base}/Users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${fixture.keys['full']}\r\ncontent-type: text/plain`,
    ]) {
      const connection = connectRaw(port);
      connection.write(`${line}\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`);
      const first = await connection.answer();
      assert.ok(first !== null && first.status >= 400);
      connection.write(request(`GET ${base}/Users/${ann} HTTP/1.1`));
      const next = await connection.answer();
      assert.ok(next === null || next.status === 200, next?.head);
      connection.socket.destroy();
    }
    assert.equal(fixture.sandbox.seen().length, count);
  });

  it('answers pipelined requests in their order', async () => {
    const connection = connectRaw(port);
    const bodies = [0, 1, 2].map((index) =>
      JSON.stringify(patch({ op: 'replace', path: 'title', value: `P${index}` })),
    );
    connection.write(
      Buffer.concat(
        bodies.map((body) => request(`PATCH ${base}/Users/${ann} HTTP/1.1`, [sized(body)], body)),
      ),
    );
    for (const index of [0, 1, 2]) {
      const answer = await connection.answer();
      assert.equal(answer?.status, 200);
      assert.match(answer.body, new RegExp(`"title":"P${index}"`));
    }
    connection.socket.destroy();
  });

  it('serves Expect: 100-continue, and does not mind expectations nobody knows', async () => {
    const body = JSON.stringify(user('expect@example.com'));
    const answer = await sendRaw(port, post(['expect: 100-continue', sized(body)], body));
    assert.equal(answer?.status, 201, answer?.body);
    // RFC 9110 §10.1.1: 417 is a MAY, and node's own would lack the ids that every answer carries.
    const odd = await sendRaw(
      port,
      request(`GET ${base}/Users/${ann} HTTP/1.1`, ['expect: magic']),
    );
    assert.equal(odd?.status, 200);
    assert.match(odd.head, /^x-request-id: req_/im);
  });

  it('lets no header of the caller reach the target', async () => {
    const answer = await sendRaw(
      port,
      request(`GET ${base}/Users/${ann} HTTP/1.1`, [
        'connection: close, authorization',
        'x-forwarded-for: 10.0.0.1',
        'forwarded: for=10.0.0.1',
        'cookie: a=b',
        'proxy-authorization: Basic eDp5',
      ]),
    );
    assert.equal(answer?.status, 200, answer?.body);
    assert.equal(
      fixture.observed.at(-1)?.clientAddress,
      '127.0.0.1',
      'nobody trusted said otherwise',
    );
  });
});
