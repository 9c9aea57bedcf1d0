/** A sender made from the template of a route file: what its scheme signs tells what is signed. */
import type { Place, Sender, TimeUnit } from './sender.ts';
import { plainSender } from './senders/plain-sender.ts';
import type { CustomTemplate } from './settings.ts';
import { schemes } from './table.ts';

type Signing = Readonly<{
  id?: Readonly<{ header: string }>;
  time?: Readonly<{ header?: string; unit: TimeUnit }>;
  signature?: Readonly<{ header: string }>;
}>;

/** Schemes that always prove the body. */
const bindingBody: ReadonlySet<string> = new Set([
  'hmac',
  'ed25519',
  'ecdsa',
  'rsa',
  'standard-webhooks',
  'set',
  'sns',
]);

/** A token proves the body where it is the body or holds its digest; a message signature by default. */
const bindsBody = (scheme: string, options: Readonly<Record<string, unknown>>): boolean =>
  bindingBody.has(scheme) ||
  (scheme === 'http-signature' && options['body'] !== 'free') ||
  (scheme === 'jwt' && (options['bodyHashClaim'] !== undefined || options['token'] === 'body'));

const idOf = ({ id }: Signing, stands: Place | undefined, bodySigned: boolean): Sender['id'] => {
  if (id !== undefined) return { at: { header: id.header }, signed: true };
  return stands === undefined ? null : { at: stands, signed: bodySigned && 'body' in stands };
};

const timeOf = (
  { time, signature }: Signing,
  stands: CustomTemplate['time'],
  bodySigned: boolean,
): Sender['time'] => {
  if (time !== undefined)
    return {
      at: { header: time.header ?? signature?.header ?? '' },
      unit: time.unit,
      signed: true,
    };
  return stands === undefined ? null : { ...stands, signed: bodySigned && 'body' in stands.at };
};

/** The descriptor of a `custom` route, or what is wrong with its template. */
export const customSender = (template: CustomTemplate): Sender | Readonly<{ problem: string }> => {
  const [name, second] = Object.keys(schemes).filter((each) => template[each] !== undefined);
  if (name === undefined || second !== undefined)
    return { problem: 'a template has the options of exactly one scheme' };
  const options = template[name] as Readonly<Record<string, unknown>>;
  const bodySigned = bindsBody(name, options);
  return plainSender({
    name: 'custom',
    title: 'custom',
    confidence: 'documented',
    source: 'the route file',
    note: '',
    scheme: { name, options },
    id: idOf(options, template.id, bodySigned),
    time: timeOf(options, template.time, bodySigned),
    sequence: template.sequence ?? null,
    retry: template.retry ?? null,
    keeps: template.keep ?? [],
  });
};
