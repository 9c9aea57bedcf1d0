import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readTrace } from './call-trace.ts';
import { campaign, proveWithoutTrace } from './order.ts';

void suite(`a short round of order: ${campaign.claim}`, () => {
  void test('by a trace where one can be made', async (context) => {
    const print = (line: string): void => context.diagnostic(line);
    const { ok, figures } = await campaign.run({ rounds: 30, seed: 7, print });
    assert.ok(ok, JSON.stringify(figures));
  });

  void test('by the store file and stalled commits', async (context) => {
    const print = (line: string): void => context.diagnostic(line);
    const { ok, figures } = await proveWithoutTrace({ rounds: 30, seed: 7, print });
    assert.ok(ok, JSON.stringify(figures));
  });

  void test('a sync that has not returned covers nothing', () => {
    const sent = String.raw`write(9<socket:[1]>, "POST /scim/v2/Users HTTP/1.1\r\nsallyport-ledger-id: led_0000000000002a\r\n", 80) = 80`;
    const trace = [
      '1 1.0 pwrite64(5</a/s.db-wal>, "x", 24, 32) = 24',
      '1 1.1 fsync(5</a/s.db-wal> <unfinished ...>',
      '1 1.2 pwrite64(5</a/s.db-wal>, "x", 24, 56) = 24',
      `2 1.3 ${sent}`,
      '1 1.4 <... fsync resumed>) = 0',
      '1 1.5 fsync(5</a/s.db-wal>) = -1 EIO (Input/output error)',
    ];
    assert.deepEqual(readTrace(trace.join('\n')), [
      { kind: 'sent', ledgerId: 'led_0000000000002a', at: 1.3 },
      { kind: 'synced', bytes: 56 },
    ]);
  });
});
