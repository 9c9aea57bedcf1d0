import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { parseJson } from '../../src/identity/json.ts';

const core = 'urn:ietf:params:scim:schemas:core:2.0:User';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const accepted: readonly string[] = [
  '{}',
  // Told from a refusal by a mark that no JSON has.
  '{"refused":"internal","detail":"x"}',
  '[]',
  'null',
  'true',
  '0',
  '-0',
  '"x"',
  ' \t\r\n{ "a" : [ 1 , -2.5e3 , true , false , null , "x" ] } \n',
  '{"userName":"a","name":{"givenName":"b","userName":"c"},"emails":[{"value":"x"},{"value":"y"}]}',
  '{"a":{"b":1},"b":2}',
  '{"a":[{"b":1}],"b":2}',
  '{"$ref":null,"x-y_z9":1}',
  '{"name.givenName":"x"}',
  `{"${enterprise}:department":"x"}`,
  `{"${enterprise}:manager.value":"x"}`,
  `{"${enterprise}":{"department":"x"},"urn:acme:1.0:User":{"department":"y"}}`,
  `{"userName":"x","${enterprise}:userName":"y"}`,
  '{"\\u0061ctive":true}',
  '{"constructor":1,"toString":2}',
  '{"a":"\\ud83d\\ude00 \\u00e9 \\" \\\\ \\/ \\b\\f\\n\\r\\t"}',
  '{"a":"😀 { [ , : ] }"}',
  '{"a":"{\\"a\\":1,\\"a\\":2}"}',
  '9007199254740991',
  '-9007199254740991',
  '0.1234567890123456789',
  '1e15',
  '{"a":1E-400}',
];

const refused: readonly (readonly [text: string, code: string])[] = [
  ['', 'body_malformed'],
  ['  ', 'body_malformed'],
  ['\ufeff{}', 'body_malformed'],
  ['{} {}', 'body_malformed'],
  ['{}x', 'body_malformed'],
  ['{"a":1,}', 'body_malformed'],
  ['[1,]', 'body_malformed'],
  ['{a:1}', 'body_malformed'],
  ["{'a':1}", 'body_malformed'],
  ['{"a" 1}', 'body_malformed'],
  ['{"a":}', 'body_malformed'],
  ['[01]', 'body_malformed'],
  ['[+1]', 'body_malformed'],
  ['[.5]', 'body_malformed'],
  ['[NaN]', 'body_malformed'],
  ['[Infinity]', 'body_malformed'],
  ['[undefined]', 'body_malformed'],
  ['/* x */ {}', 'body_malformed'],
  ['"\u0000"', 'body_malformed'],
  ['"a\nb"', 'body_malformed'],
  ['"\\x41"', 'body_malformed'],
  ['"\\u12"', 'body_malformed'],
  ['"x', 'body_malformed'],
  ['"x\\', 'body_malformed'],
  ['"\\ud83d"', 'body_malformed'],
  ['"\\ude00"', 'body_malformed'],
  ['"\\ud83d\\ud83d"', 'body_malformed'],
  ['"\\ude00\\ude01"', 'body_malformed'],
  ['"\\ud83dx\\ude00"', 'body_malformed'],
  ['"\\ud83d\\n"', 'body_malformed'],
  ['"\ud83d"', 'body_malformed'],
  ['"\ude00"', 'body_malformed'],
  ['"\\ud83d\ude00"', 'body_malformed'],
  ['{"\\ud83d":1}', 'body_malformed'],
  ['9007199254740992', 'body_malformed'],
  ['{"a":-9007199254740993}', 'body_malformed'],
  ['[12345678901234567890]', 'body_malformed'],
  ['1e400', 'body_malformed'],
  ['-1e400', 'body_malformed'],
  ['1e300', 'body_malformed'],
  ['{"a":1,"a":1}', 'request_suspicious'],
  ['{"active":true,"Active":false}', 'request_suspicious'],
  ['{"active":true,"x":[{"a":1}],"ACTIVE":false}', 'request_suspicious'],
  ['{"active":true,"\\u0061ctive":false}', 'request_suspicious'],
  ['{"active":true,"\\u0041ctive":false}', 'request_suspicious'],
  [`{"userName":"a","${core}:userName":"b"}`, 'request_suspicious'],
  [`{"USERNAME":"a","${core.toUpperCase()}:username":"b"}`, 'request_suspicious'],
  [`{"name.givenName":"a","${core}:NAME.givenName":"b"}`, 'request_suspicious'],
  [`{"${enterprise}":{},"${enterprise.toUpperCase()}":{}}`, 'request_suspicious'],
  ['{"a":{"b":{"c":1,"C":2}}}', 'request_suspicious'],
  ['{"__proto__":{"active":true}}', 'request_suspicious'],
  ['{"\\u005f_proto__":1}', 'request_suspicious'],
  ['{"a.__proto__":1}', 'request_suspicious'],
  ['{"":1}', 'request_suspicious'],
  ['{"0":1}', 'request_suspicious'],
  ['{"a b":1}', 'request_suspicious'],
  ['{"active ":1}', 'request_suspicious'],
  ['{"active\\u0000":1}', 'request_suspicious'],
  ['{"acti\u200bve":1}', 'request_suspicious'],
  ['{"\u0430ctive":1}', 'request_suspicious'],
  ['{"nic\u212aname":1}', 'request_suspicious'],
  ['{"\\u0430ctive":1}', 'request_suspicious'],
  ['{"a..b":1}', 'request_suspicious'],
  ['{"a.":1}', 'request_suspicious'],
  ['{"emails[type eq \\"work\\"].value":1}', 'request_suspicious'],
  ['{"urn:":1}', 'request_suspicious'],
  ['{"urn:x":1}', 'request_suspicious'],
  ['{"http://example.com/a":1}', 'request_suspicious'],
];

describe('accepted', () => {
  for (const text of accepted) {
    test(text, () => assert.deepEqual(parseJson(text), JSON.parse(text)));
  }
});

describe('refused', () => {
  for (const [text, code] of refused) {
    test(JSON.stringify(text), () => {
      const refusal = parseJson(text);
      assert.ok(isRefusal(refusal));
      assert.equal(refusal.refused, code);
      assert.match(refusal.detail, /^[\x20-\x7e]+$/);
    });
  }
});

test('many names of one object, the last one twice', () => {
  const members = Array.from({ length: 1_000 }, (_, index) => `"k${index}":${index}`);
  assert.ok(!isRefusal(parseJson(`{${members.join(',')}}`)));
  assert.ok(isRefusal(parseJson(`{${members.join(',')},"K999":1}`)));
  assert.ok(isRefusal(parseJson(`{${members.join(',')},"k1":1}`)));
});

test('depth and size are bounded', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  assert.ok(!isRefusal(parseJson(nested(64))));
  assert.ok(isRefusal(parseJson(nested(65))));
  assert.ok(!isRefusal(parseJson(nested(3), { depthMax: 3 })));
  assert.ok(isRefusal(parseJson(nested(4), { depthMax: 3 })));
  assert.ok(!isRefusal(parseJson('[1,"x",true]', { nodesMax: 4 })));
  for (const text of ['[1,"x",true,null]', '[[],[],{},{}]', '{"a":1,"b":2,"c":3,"d":4}']) {
    assert.ok(isRefusal(parseJson(text, { nodesMax: 4 })), text);
  }
});

test('foreign texts may have any names, but none twice', () => {
  const any = { names: 'any' } as const;
  const text = '{"@odata.type":1,"":2,"a b":3,"A":4,"a":5}';
  assert.deepEqual(parseJson(text, any), JSON.parse(text));
  for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"__proto__":1}']) {
    assert.ok(isRefusal(parseJson(text, any)), text);
  }
});
