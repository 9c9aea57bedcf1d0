import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { isZone, readInstant } from '../../../src/identity/events/instants.ts';

const utc = { zone: 'UTC' };
const at = (text: string): number => Date.parse(text);

/** As written, the rule, and the instant in a form that Date reads; null = no instant. */
const cases: readonly (readonly [unknown, { zone: string; unit?: 's' | 'ms' }, string | null])[] = [
  // RFC 3339
  ['2026-01-31T18:42:00Z', utc, '2026-01-31T18:42:00Z'],
  ['2026-01-31t18:42:00z', utc, '2026-01-31T18:42:00Z'],
  ['2026-01-31T18:42:00.123456789+02:00', utc, '2026-01-31T16:42:00.123Z'],
  ['2026-01-31 18:42:00-05:30', utc, '2026-02-01T00:12:00Z'],
  ['2024-02-29T23:59:60Z', utc, '2024-03-01T00:00:00Z'],
  // BambooHR
  ['2026-01-31T18:42:00+0000', utc, '2026-01-31T18:42:00Z'],
  ['2026-01-31T18:42:00-0330', utc, '2026-01-31T22:12:00Z'],
  // no offset: the zone of the rule
  ['2025-01-08T13:06:26.915906', utc, '2025-01-08T13:06:26.915Z'],
  ['2025-07-08T13:06:26', { zone: 'Europe/Berlin' }, '2025-07-08T11:06:26Z'],
  // days
  ['2021-09-01', utc, '2021-09-01T00:00:00Z'],
  ['2021-09-01', { zone: 'America/Los_Angeles' }, '2021-09-01T07:00:00Z'],
  ['2021-09-01Z', { zone: 'America/Los_Angeles' }, '2021-09-01T00:00:00Z'],
  ['2021-09-01-07:00', utc, '2021-09-01T07:00:00Z'],
  ['1950-06-01', utc, '1950-06-01T00:00:00Z'],
  ['9999-12-31', utc, '9999-12-31T00:00:00Z'],
  // midnight that does not come (summer time begins at 00:00), that comes twice, and a day left out
  ['2018-11-04', { zone: 'America/Sao_Paulo' }, '2018-11-04T03:00:00Z'],
  ['2022-11-06', { zone: 'America/Havana' }, '2022-11-06T04:00:00Z'],
  ['2011-12-30', { zone: 'Pacific/Apia' }, '2011-12-30T10:00:00Z'],
  // skipped and doubled hours
  ['2026-03-29T02:30:00', { zone: 'Europe/Berlin' }, '2026-03-29T01:30:00Z'],
  ['2026-10-25T02:30:00', { zone: 'Europe/Berlin' }, '2026-10-25T00:30:00Z'],
  // epoch
  [1671058841, { zone: 'UTC', unit: 's' }, '2022-12-14T23:00:41Z'],
  ['1629186025244', { zone: 'UTC', unit: 'ms' }, '2021-08-17T07:40:25.244Z'],
  [1.5, { zone: 'UTC', unit: 's' }, '1970-01-01T00:00:01.500Z'],
  [0, { zone: 'UTC', unit: 's' }, '1970-01-01T00:00:00Z'],
  // no instants
  [1671058841, utc, null],
  ['1671058841', utc, null],
  ['20260131', utc, null],
  [-1, { zone: 'UTC', unit: 's' }, null],
  [1e20, { zone: 'UTC', unit: 'ms' }, null],
  [Number.NaN, { zone: 'UTC', unit: 'ms' }, null],
  ['01/02/2026', utc, null],
  ['1.2.2026', utc, null],
  ['31-01-2026', utc, null],
  ['2026-1-2', utc, null],
  ['2026-02-29', utc, null],
  ['2100-02-29', utc, null],
  ['2026-04-31', utc, null],
  ['2026-13-01', utc, null],
  ['2026-00-10', utc, null],
  ['2026-01-00', utc, null],
  ['0000-00-00', utc, null],
  ['0001-01-01T00:00:00Z', utc, null],
  ['2026-01-31T24:00:00Z', utc, null],
  ['2026-01-31T18:60:00Z', utc, null],
  ['2026-01-31T18:42:61Z', utc, null],
  ['2026-01-31T18:42:60Z', utc, null],
  ['2026-01-31T18:42Z', utc, null],
  ['2026-01-31T18:42:00+24:00', utc, null],
  ['2026-01-31T18:42:00 CET', utc, null],
  [' 2026-01-31', utc, null],
  ['2026-01-31\n', utc, null],
  ['٢٠٢٦-٠١-٣١', utc, null],
  ['Jan 31, 2026', utc, null],
  ['tomorrow', utc, null],
  ['', utc, null],
  [null, utc, null],
  [true, utc, null],
  [undefined, utc, null],
];

describe('instants', () => {
  for (const [value, rule, wanted] of cases) {
    test(`${JSON.stringify(value)} in ${rule.zone}${rule.unit ?? ''}`, () => {
      const read = readInstant(value as never, rule);
      assert.equal(read, wanted === null ? null : at(wanted));
    });
  }

  test('every instant is read back, with whatever offset it is written', () => {
    const offsets = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1901-01-01'), max: new Date('9998-01-01'), noInvalidDate: true }),
        offsets,
        fc.boolean(),
        (date, minutes, colon) => {
          const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1);
          const size = Math.abs(minutes);
          const [hours, rest] = [Math.floor(size / 60), size % 60].map((part) =>
            String(part).padStart(2, '0'),
          );
          const text = `${local}${minutes < 0 ? '-' : '+'}${hours}${colon ? ':' : ''}${rest}`;
          assert.equal(readInstant(text, utc), date.getTime());
        },
      ),
    );
  });

  test('a day begins within it in its zone, and no instant before it is of that day', () => {
    const zones = [
      'Europe/Berlin',
      'America/Sao_Paulo',
      'Asia/Kathmandu',
      'Pacific/Kiritimati',
      'America/Havana',
      'Africa/Cairo',
      'Australia/Lord_Howe',
    ];
    const dayIn = (zone: string, instant: number): string =>
      new Intl.DateTimeFormat('en-CA', {
        timeZone: zone,
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
      }).format(instant);
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.date({ min: new Date('1970-01-02'), max: new Date('2040-01-01'), noInvalidDate: true }),
        (zone, date) => {
          const day = date.toISOString().slice(0, 10);
          const begins = readInstant(day, { zone }) as number;
          // Kiritimati had no 31 December 1994: a day that never was begins with the next one.
          if (zone === 'Pacific/Kiritimati' && day <= '1995-01-02') return;
          assert.equal(dayIn(zone, begins), day);
          assert.ok(dayIn(zone, begins - 1) < day);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('agrees with Date on every day', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1900, max: 9999 }),
        fc.integer({ min: 0, max: 13 }),
        fc.integer({ min: 0, max: 32 }),
        (year, month, day) => {
          const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
          const date = new Date(`${text}T00:00:00Z`);
          const real = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
          assert.equal(readInstant(text, utc), real ? date.getTime() : null);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('no text and no number throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.double(), fc.stringMatching(/^[-0-9T:.Z+ ]{0,30}$/)),
        fc.constantFrom('s', 'ms', undefined),
        (value, unit) => {
          const read = readInstant(value, {
            zone: 'Europe/Berlin',
            ...(unit === undefined ? {} : { unit }),
          });
          assert.ok(read === null || Number.isSafeInteger(read));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('zones are names, not offsets', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']) {
      assert.equal(isZone(zone), true, zone);
    }
    for (const zone of [
      '',
      '+05:30',
      '+0530',
      'Europe/Atlantis',
      'W. Europe Standard Time',
      '../UTC',
    ]) {
      assert.equal(isZone(zone), false, zone);
    }
  });
});
