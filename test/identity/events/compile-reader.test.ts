import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileExpression } from '../../../src/expressions.ts';
import { compileReader } from '../../../src/identity/events/compile-reader.ts';
import type { EventReader, LifecycleEvent } from '../../../src/identity/events/event.ts';
import { eventSettings } from '../../../src/identity/events/settings.ts';
import { eventVariables, eventVariableTypes } from '../../../src/identity/events/variables.ts';

const receivedAt = Date.UTC(2026, 5, 15, 12);
const day = 86_400_000;

const compile = (sender: string, written: unknown): EventReader => {
  const reader = compileReader({ sender, event: eventSettings.parse(written) });
  assert.ok(!('problems' in reader), JSON.stringify(reader));
  return reader;
};

const readAll = (reader: EventReader, body: unknown, messageId: string | null = null) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const read = reader.read({ text, headers: {}, receivedAt, messageId });
  assert.ok(!('unreadable' in read), JSON.stringify(read));
  return read.events;
};
const readOne = (
  reader: EventReader,
  body: unknown,
  messageId: string | null = null,
): LifecycleEvent => {
  const events = readAll(reader, body, messageId);
  assert.equal(events.length, 1);
  return events[0] as LifecycleEvent;
};

describe('what a route says', () => {
  test('stands over what the preset read, and each field takes what fits it', () => {
    const reader = compile('custom', {
      kind: 'event.raw.what == "bye" ? "leaver" : "contract-end"',
      subject: 'event.raw.who.number',
      effectiveAt: 'event.raw.last',
      observedAt: 'timestamp(event.raw.at)',
      changed: 'event.raw.fields.map(f, f.name)',
      keys: {
        email: 'event.raw.who.mail',
        employeeNumber: 'event.raw.who.number',
        absent: 'event.raw.no.such',
      },
      id: 'event.raw.nr',
      zone: 'America/New_York',
      cancels: '["joiner"]',
    });
    const event = readOne(reader, {
      what: 'bye',
      nr: 12,
      who: { number: '0007', mail: 'a@x.org' },
      last: '2026-06-30',
      at: '2026-06-01T00:00:00Z',
      fields: [{ name: 'a' }, { name: 'b' }],
    });
    const { raw, ...rest } = event;
    assert.ok(raw !== null);
    assert.deepEqual(rest, {
      source: 'generic',
      id: '12',
      kind: 'leaver',
      type: '',
      subject: '0007',
      keys: { email: 'a@x.org', employeeNumber: '0007' },
      effectiveAt: Date.UTC(2026, 5, 30, 4),
      observedAt: Date.UTC(2026, 5, 1),
      changed: ['a', 'b'],
      cancels: ['joiner'],
    });
    assert.equal(reader.needsEnriched, false);
    assert.deepEqual(reader.enrich(event, { x: 1 }, receivedAt), event);
  });

  test('splits by `items`, and a list is split by itself', () => {
    const reader = compile('custom', { items: 'batch.people', subject: 'event.raw.id' });
    const body = { batch: { people: [{ id: 1 }, { id: 'b' }] } };
    assert.deepEqual(
      readAll(reader, body).map(({ subject }) => subject),
      ['1', 'b'],
    );
    const bare = compile('custom', { subject: 'event.raw.id' });
    assert.deepEqual(
      readAll(bare, [{ id: 1 }, { id: 2 }]).map(({ subject }) => subject),
      ['1', '2'],
    );
    assert.deepEqual(readAll(bare, []), []);
    assert.equal(readAll(bare, '{"id":1}\n{"id":2}').length, 2);
  });

  test('an id of the message is that of its one item, never of several', () => {
    const reader = compile('custom', {});
    assert.equal(readOne(reader, { x: 1 }, 'msg').id, 'msg');
    assert.equal(readOne(reader, { id: 'own' }, 'msg').id, 'own');
    assert.deepEqual(
      readAll(reader, [{}, {}], 'msg').map(({ id }) => id),
      [null, null],
    );
  });

  test('an expression that fails leaves the preset’s, a subject that fails is nobody', () => {
    const preset = readOne(compile('gusto', {}), {
      event_type: 'employee.terminated_effective',
      entity_uuid: 'e',
    });
    const reader = compile('gusto', {
      kind: 'event.raw.no.such',
      effectiveAt: '"01/02/2026"',
      observedAt: 'event.raw',
      changed: '[{"a": 1}]',
      cancels: '["No Word"]',
      id: 'event.raw.no',
      subject: 'event.raw.no.such',
    });
    const event = readOne(reader, {
      event_type: 'employee.terminated_effective',
      entity_uuid: 'e',
    });
    assert.deepEqual({ ...event, subject: preset.subject }, preset);
    assert.equal(event.subject, '');
  });

  test('words that are no words of kinds, and subjects that are none, are not taken', () => {
    for (const word of ['Leaver', 'a b', '', 'x'.repeat(33)]) {
      assert.equal(readOne(compile('custom', { kind: 'event.raw.k' }), { k: word }).kind, 'other');
    }
    for (const subject of [
      '',
      ' ',
      'a\u0000b',
      'a\u202eb',
      'x'.repeat(513),
      1.5,
      true,
      null,
      {},
      ['a'],
    ]) {
      const reader = compile('custom', { subject: 'event.raw.s' });
      assert.equal(readOne(reader, { s: subject }).subject, '');
    }
    assert.equal(
      readOne(compile('custom', { subject: 'event.raw.s' }), '{"s":9007199254740993}').subject,
      '9007199254740993',
    );
  });
});

describe('a preset by name', () => {
  test('reads what others sign', () => {
    const reader = compile('custom', { preset: 'gusto' });
    assert.equal(reader.source, 'gusto');
    const event = readOne(reader, {
      event_type: 'employee.terminated_effective',
      entity_uuid: 'e',
    });
    assert.deepEqual([event.kind, event.subject], ['leaver', 'e']);
    assert.ok(!eventSettings.safeParse({ preset: 'nobody' }).success);
  });
});

describe('enriched', () => {
  const reader = compile('bamboohr', {
    kind: 'enriched.status == "Inactive" ? "leaver" : event.kind',
    effectiveAt: 'enriched.terminationDate',
    keys: { email: 'enriched.workEmail' },
    zone: 'Europe/Berlin',
  });
  const body = { type: 'employee.updated', data: { employeeId: '5' } };

  test('is asked for when a delivery is tried, not at receipt', () => {
    assert.equal(reader.needsEnriched, true);
    const event = readOne(reader, body);
    assert.deepEqual([event.kind, event.effectiveAt, event.subject], ['mover', null, '5']);
    const leaver = reader.enrich(
      event,
      { status: 'Inactive', terminationDate: '2026-06-30', workEmail: 'a@x.org' },
      receivedAt,
    );
    assert.deepEqual(
      [leaver.kind, leaver.effectiveAt, leaver.keys['email']],
      ['leaver', Date.UTC(2026, 5, 29, 22), 'a@x.org'],
    );
    assert.deepEqual(
      reader.enrich(
        leaver,
        { status: 'Inactive', terminationDate: '2026-06-30', workEmail: 'a@x.org' },
        receivedAt,
      ),
      leaver,
    );
  });

  test('that holds no date is at once; that holds nothing leaves the preset’s', () => {
    const event = readOne(reader, body);
    for (const terminationDate of ['', null, '0000-00-00', undefined]) {
      const enriched = JSON.parse(JSON.stringify({ status: 'Inactive', terminationDate })) as never;
      assert.equal(reader.enrich(event, enriched, receivedAt).effectiveAt, null);
    }
    assert.deepEqual(reader.enrich(event, null, receivedAt), event);
    assert.deepEqual(reader.enrich(event, ['x'], receivedAt), event);
  });

  test('a leaver of today is due, one of tomorrow is not yet', () => {
    const event = readOne(reader, body);
    const due = (terminationDate: string): boolean =>
      (reader.enrich(event, { status: 'Inactive', terminationDate }, receivedAt).effectiveAt ??
        0) <= receivedAt;
    assert.equal(due('2026-06-15'), true);
    assert.equal(due('2026-06-16'), false);
  });

  test('cannot say who the event is about, or which', () => {
    for (const name of ['subject', 'id'] as const) {
      const compiled = compileReader({ sender: 'custom', event: { [name]: 'enriched.id' } });
      assert.ok('problems' in compiled);
      assert.deepEqual(
        compiled.problems.map(({ path }) => path),
        [[name]],
      );
      assert.match(String(compiled.problems[0]?.message), /enriched/);
    }
  });
});

describe('what only announces', () => {
  const body = { event_type: 'employee.terminated', entity_uuid: 'e' };

  test('is `other` until there is a date', () => {
    assert.equal(readOne(compile('gusto', {}), body).kind, 'other');
    const reader = compile('gusto', { effectiveAt: 'enriched.lastDay' });
    const event = readOne(reader, body);
    assert.equal(reader.enrich(event, { lastDay: '2026-07-01' }, receivedAt).kind, 'leaver');
    for (const enriched of [{}, { lastDay: null }, { lastDay: '01/07/2026' }]) {
      assert.equal(reader.enrich(event, enriched, receivedAt).kind, 'other');
    }
  });

  test('counts at once where the route says so', () => {
    for (const effectiveAt of [null, 'null']) {
      const event = readOne(compile('gusto', { effectiveAt }), body);
      assert.deepEqual([event.kind, event.effectiveAt], ['leaver', null]);
    }
    assert.equal(readOne(compile('gusto', { kind: '"leaver"' }), body).kind, 'leaver');
  });

  test('a rehire takes back the leaver, unless it is still to come', () => {
    const reader = compile('custom', { kind: '"rehire"', effectiveAt: 'event.raw.at' });
    const iso = (at: number): string => new Date(at).toISOString();
    assert.deepEqual(readOne(reader, { at: iso(receivedAt) }).cancels, ['leaver']);
    assert.deepEqual(readOne(reader, { at: iso(receivedAt + day) }).cancels, []);
    assert.deepEqual(
      readOne(compile('custom', { kind: '"rehire"', cancels: '[]' }), {}).cancels,
      [],
    );
  });
});

describe('settings', () => {
  const problems = (written: unknown): boolean => !eventSettings.safeParse(written).success;

  test('take what is meant and nothing else', () => {
    assert.ok(!problems({}));
    assert.ok(!problems({ effectiveAt: null, items: '.', zone: 'Europe/Kyiv', keys: {} }));
    for (const written of [
      { kinds: '"x"' },
      { kind: '' },
      { kind: null },
      { zone: '+01:00' },
      { zone: 'Berlin' },
      { items: 'a..b' },
      { items: 'a b' },
      { keys: { 'a-b': 'x' } },
      { keys: { __proto: 1 } },
      { keys: Object.fromEntries(Array.from({ length: 21 }, (_one, at) => [`k${at}`, '"x"'])) },
      { subject: 'x'.repeat(2_001) },
    ]) {
      assert.ok(problems(written), JSON.stringify(written));
    }
  });

  test('what does not compile is told with its place', () => {
    const compiled = compileReader({
      sender: 'custom',
      event: { kind: 'evnt.kind', effectiveAt: '1 +', keys: { email: 'event.raw.matches("x")' } },
    });
    assert.ok('problems' in compiled);
    assert.deepEqual(
      compiled.problems.map(({ path }) => path),
      [['kind'], ['effectiveAt'], ['keys', 'email']],
    );
  });
});

describe('variables', () => {
  const judge = (source: string, event: LifecycleEvent, enriched: unknown = null): unknown => {
    const compiled = compileExpression(source, eventVariableTypes, null);
    assert.ok(!('problem' in compiled), JSON.stringify(compiled));
    const value = compiled.evaluate(eventVariables(event, enriched as never));
    return 'failed' in value ? value : value.value;
  };
  const event = readOne(compile('bamboohr', { effectiveAt: '"2026-07-01"' }), {
    type: 'employee.updated',
    timestamp: '2026-01-31T18:42:00+0000',
    data: { employeeId: '5', changedFields: ['status'] },
  });

  test('are the event as it stands, instants as timestamps', () => {
    assert.equal(judge('event.kind == "mover" && "status" in event.changed', event), true);
    assert.equal(judge('event.effectiveAt > timestamp("2026-06-30T00:00:00Z")', event), true);
    assert.equal(judge('event.observedAt.getFullYear() == 2026', event), true);
    assert.equal(judge('event.effectiveAt == null', { ...event, effectiveAt: null }), true);
    assert.equal(judge('event.keys.id + event.raw.data.employeeId', event), '55');
    assert.equal(judge('has(event.keys.email)', event), false);
    assert.equal(judge('enriched == null', event), true);
    assert.equal(judge('enriched.a.b', event, { a: { b: 'c' } }), 'c');
  });

  test('of forms and XML are maps like any other', () => {
    const form = readOne(
      compile('rippling', { kind: 'event.raw.event_name == "x" ? "leaver" : "other"' }),
      'event_name=x&a[b]=1',
    );
    assert.equal(form.kind, 'leaver');
    assert.equal(judge('event.raw.a.b', form), '1');
    const xml = readOne(compile('custom', { subject: 'event.raw.a.id' }), '<a><id>007</id></a>');
    assert.equal(xml.subject, '007');
  });
});
