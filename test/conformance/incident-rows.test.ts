/**
 * Incidents of other receivers of webhooks, and where this one is held against them: for each row the
 * test files and titles. Fails where a title is not in its file any more, as a row without a test would.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

type Row = Readonly<{
  incident: string;
  lesson: string;
  /** File below `test/`, and titles in it. */
  tests: Readonly<Record<string, readonly string[]>>;
}>;

const signatures = 'regressions/webhook-signatures.test.ts';
const tokens = 'signatures/schemes/jwt.test.ts';
const edge = 'http/serve-webhook.test.ts';
const sockets = 'http/webhook-sockets.test.ts';
const kept = 'flows/webhook-repeats.test.ts';
const secrets = 'flows/webhook-secrets.test.ts';

const rows: readonly Row[] = [
  {
    incident: 'CVE-2024-21491, RUSTSEC-2024-0010: svix',
    lesson: 'empty and short signatures are refused',
    tests: {
      [signatures]: ['CVE-2024-21491 svix: a comparison cut to the shorter one let `v1,` pass'],
      'flows/webhooks.test.ts': [
        'with a bad signature, none, or an old time is refused in one voice',
      ],
    },
  },
  {
    incident: 'CVE-2023-50728: @octokit/webhooks',
    lesson: 'a malformed header never throws out of the verifier',
    tests: {
      [signatures]: [
        'CVE-2023-50728 octokit/webhooks: a malformed header never throws out of the verifier',
      ],
      [edge]: ['a receiver or an intake that throws is a fault of ours, and nothing of it is told'],
      'signatures/compile-receiver.test.ts': ['and a message that breaks the scheme is refused'],
    },
  },
  {
    incident: 'CVE-2021-43571: ecdsa-node',
    lesson: 'zero and values out of range are no ECDSA signature',
    tests: {
      [signatures]: ['CVE-2021-43571 ecdsa-node: r and s of zero, and out of range'],
      [tokens]: ['zero is no signature'],
    },
  },
  {
    incident:
      'CVE-2026-21894, CVE-2026-54308 n8n; CVE-2026-33143 OneUptime; CVE-2026-39969 Typebot',
    lesson: 'closed without a secret',
    tests: {
      [signatures]: [
        'n8n CVE-2026-21894 and -54308, OneUptime, Typebot, Hookaido GHSA-5v3w-hjh4-4q9q: none is no route',
      ],
      [secrets]: [
        'a start without the secret is refused, and says where',
        'closes the route alone while the secret is gone, and opens it when it is back',
      ],
    },
  },
  {
    incident: 'Hookaido GHSA-5v3w-hjh4-4q9q',
    lesson: 'a verifier without a key is an error of the configuration',
    tests: {
      [signatures]: [
        'n8n CVE-2026-21894 and -54308, OneUptime, Typebot, Hookaido GHSA-5v3w-hjh4-4q9q: none is no route',
      ],
      'config/webhook-routes.test.ts': [
        'every sender can be written; without a key none is let in; those nobody confirmed are told',
      ],
      [tokens]: ['that would take any token does not compile'],
    },
  },
  {
    incident: 'Hookaido GHSA-cmwq-5829-xw24',
    lesson: 'who is not verified can neither poison nor grow state',
    tests: {
      [edge]: [
        'grows nothing but a bounded count of addresses (Hookaido GHSA-cmwq-5829-xw24)',
        'is 401 with one text, and nothing is written: ${name}',
      ],
      'flows/webhook-floods.test.ts': [
        'leaves the tables as they were and asks for keys at most twice',
      ],
    },
  },
  {
    incident: 'Hookaido GHSA-cpfq-rj4r-hh5c',
    lesson: 'no computed MAC and no header value in logs',
    tests: {
      [signatures]: [
        'Hookaido GHSA-cpfq-rj4r-hh5c: nothing computed or presented stands in a reason',
      ],
      [edge]: [
        'is the route, sender, event, key and reason; no body, header or computed value',
        'says why to the trace alone',
      ],
      'flows/webhook-trace.test.ts': [
        'is the whole of what was exported, and holds no name and no secret',
      ],
    },
  },
  {
    incident: 'Hookaido GHSA-rcpp-44rf-jxvj',
    lesson: 'a configuration is swapped whole, under load too',
    tests: {
      [edge]: [
        'changes nothing for it: route, keys and limits are those it began with (GHSA-rcpp-44rf-jxvj)',
      ],
      'flows/webhook-reload.test.ts': ['drops no good message and takes no bad one'],
    },
  },
  {
    incident: 'Hookaido GHSA-g55x-rjfh-gxvm',
    lesson: 'a name that flips its address reaches nothing inside',
    tests: {
      'regressions/dns-rebinding.test.ts': [
        'is resolved once for each connection of the key fetcher, and never connected to inside',
        'is resolved once for each connection to a target, and never connected to inside',
      ],
      'deliveries/forward.test.ts': ['goes through the connect guard'],
    },
  },
  {
    incident: 'Hookaido GHSA-q2r7-wm3j-xppw',
    lesson: 'a reference that was not resolved is no secret, and stops a start',
    tests: {
      [signatures]: ['Hookaido GHSA-q2r7-wm3j-xppw: a reference that nobody resolved is no secret'],
      'config/secrets.test.ts': ['a literal secret is an error at its place and is never echoed'],
      [secrets]: ['a start without the secret is refused, and says where'],
    },
  },
  {
    incident: 'Hookaido 2.11: only the first v1= was compared',
    lesson: 'any of several signatures may hold, in any order',
    tests: {
      [signatures]: [
        'Hookaido 2.11: only the first `v1=` was compared, so keys could not be changed',
        'keys of a route are all tried, whichever comes first',
      ],
    },
  },
  {
    incident: 'Hookaido 2.11: a reload emptied the memory of nonces',
    lesson: 'repeats are known after a reload and a restart',
    tests: {
      [kept]: ['is known after a reload and after a restart (Hookaido 2.11)'],
      'deliveries/make-intake.test.ts': [
        'repeats are known after a restart, and announced events are taken back (Hookaido 2.11)',
      ],
      'flows/webhook-replays.test.ts': [
        'on day 15: its time is stale where it was signed, its mark is known where it was not',
      ],
    },
  },
  {
    incident: 'Hookaido 2.11: a nonce was burned by a 503',
    lesson: 'what could not be stored may come again',
    tests: {
      [edge]: [
        'that could not be stored is 503, and its retry is stored, not a repeat (Hookaido 2.11)',
      ],
    },
  },
  {
    incident: 'mercadopago/sdk-nodejs#459, #458',
    lesson: 'signatures outside of ASCII; seconds and milliseconds',
    tests: {
      [signatures]: [
        'mercadopago/sdk-nodejs#459, stripe-node: signatures outside of ASCII',
        'mercadopago/sdk-nodejs#458: milliseconds are no seconds',
      ],
    },
  },
  {
    incident: 'stripe-node: RangeError of a multibyte signature',
    lesson: 'as above',
    tests: {
      [signatures]: ['mercadopago/sdk-nodejs#459, stripe-node: signatures outside of ASCII'],
    },
  },
  {
    incident: 'standardwebhooks: bodies read as UTF-8',
    lesson: 'a body with 0xff is not the one with 0xfe',
    tests: {
      [signatures]: ['standardwebhooks: bodies 0xff and 0xfe were one body'],
      [sockets]: ['0xff is not 0xfe: bytes are verified and kept as bytes'],
    },
  },
  {
    incident: 'Agent-Field/agentfield#717, own-pay/OwnPay#296',
    lesson: 'a time that is not signed, or missing, opens no window',
    tests: {
      [signatures]: [
        'agentfield#717, OwnPay#296: a time that is not signed, or missing, opens nothing',
      ],
    },
  },
  {
    incident: 'first-tree#1627',
    lesson: 'without the header of the id repeats are known by the body',
    tests: {
      [signatures]: [
        'first-tree#1627: without the header there is no id, and body and signature remain',
      ],
      [edge]: ['without an id is known again by signature and body (first-tree#1627)'],
    },
  },
  {
    incident: 'camunda/connectors#8989',
    lesson: 'a replay whose time nobody signed is known by its signature',
    tests: {
      [signatures]: [
        'camunda/connectors#8989: where the id is not signed, body and signature tell them',
      ],
      [kept]: [
        'is known by body and signature where a replay has another id that nobody signed (camunda/connectors#8989)',
      ],
    },
  },
  {
    incident: 'Convoy#2392, #2754',
    lesson: 'a body written anew is another body',
    tests: {
      [signatures]: ['Convoy#2392, #2754: a body written anew is not the body that was signed'],
      [sockets]: ['changed whitespace is another body (Convoy#2754)'],
    },
  },
  {
    incident: 'Convoy#2747',
    lesson: 'of duplicates at once there is exactly one job, on both engines',
    tests: {
      [edge]: ['sent many times at once becomes one event (Convoy#2747)'],
      [kept]: ['once, though it came twenty times at once (Convoy#2747)'],
      'conformance/event-store.test.ts': [
        'tells repeats by any mark, within a batch too, until the mark ends; a repeat leaves nothing',
        'of one mark brought to two at once exactly one is stored',
      ],
    },
  },
  {
    incident: 'JWT: alg confusion, kid as a path, jku',
    lesson: 'algorithms are listed, keys come from the configuration alone',
    tests: {
      [tokens]: [
        'none is none, in any spelling',
        'a public key is no secret',
        'that are not listed do not hold',
        'jku, x5u, jwk and x5c are never followed',
        'with an odd kid are refused before anything is fetched',
        'with a kid that is a path only miss',
      ],
    },
  },
  {
    incident: 'bridgestack, coolhand-ruby#86: HMAC with an empty secret',
    lesson: 'empty, blank and placeholder secrets are refused',
    tests: {
      [signatures]: ['bridgestack, coolhand-ruby#86: empty ones and placeholders are none'],
    },
  },
  {
    incident: 'GitHub: a redelivery without a signature after the secret changed',
    lesson: 'it stays refused',
    tests: {
      [signatures]: ['GitHub: a redelivery without a signature stays refused'],
      [kept]: [
        'a redelivery without a signature, or by the old secret, is refused after the secret changed',
      ],
    },
  },
  {
    incident: 'Vexa#520: a queue in memory lost 75 minutes of webhooks',
    lesson: 'what was acknowledged is on disk',
    tests: {
      [kept]: ['and acknowledged is passed on after a restart, under its id (Vexa#520)'],
      [edge]: ['is kept as it came before it is acknowledged, and the outbox is told'],
    },
  },
  {
    incident: 'postel#114: something read the body before the verifier',
    lesson: 'it is a fault of ours, never an empty body',
    tests: {
      [sockets]: ['is a fault of ours, even where the empty body is signed'],
    },
  },
];

/** Titles as they are written in a test file, skipped ones left out. */
const titlesOf = (text: string): ReadonlySet<string> =>
  new Set(
    [
      ...text.matchAll(
        /\b(?:it|test)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g,
      ),
    ].map(([, single, double, back]) => single ?? double ?? back ?? ''),
  );

describe('incidents of other receivers', () => {
  it('stand here once each, with a lesson and a test', () => {
    assert.equal(new Set(rows.map(({ incident }) => incident)).size, rows.length);
    for (const { incident, lesson, tests } of rows) {
      assert.ok(lesson !== '' && Object.values(tests).flat().length > 0, incident);
    }
  });

  for (const { incident, lesson, tests } of rows) {
    it(`${incident}: ${lesson}`, async () => {
      for (const [file, titles] of Object.entries(tests)) {
        const known = titlesOf(await readFile(new URL(`../${file}`, import.meta.url), 'utf8'));
        const missing = titles.filter((title) => !known.has(title));
        assert.deepEqual(missing, [], `${file} has no such test`);
      }
    });
  }
});
