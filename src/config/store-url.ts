/**
 * URLs of the store and of shared limits, read strictly (`store.url`, `store.sharedLimits`). Pure.
 * Promises that what is wrong is said without a byte of the URL: whoever writes a password into it
 * is told where it belongs and does not find it in a log.
 */

/** Where a store lies, as written: paths are not resolved and nobody has logged in yet. */
export type StoreUrl =
  | Readonly<{ engine: 'sqlite'; path: string }>
  | Readonly<{
      engine: 'postgres';
      /** Name or address, IPv6 without brackets, or the absolute folder of a socket. */
      host: string;
      port: number;
      database: string;
      schema: string;
      tls: 'off' | 'require' | 'verify';
      caPath: string | null;
    }>;

/** Where a Redis or Valkey listens. */
export type LimitsUrl = Readonly<{ host: string; port: number; database: number; tls: boolean }>;

/** What a URL says, or what is wrong with it. */
export type Read<Value> = Readonly<{ value: Value }> | Readonly<{ problem: string }>;

/** How a URL begins, and what is said where it does not. */
export const storeUrlShape = /^(sqlite:|postgres(ql)?:\/\/)./;
export const storeUrlWanted =
  'write sqlite: and the path of a file, or postgres://HOST[:PORT]/DATABASE with schema, sslmode and sslrootcert behind a ? where needed';
export const limitsUrlShape = /^rediss?:\/\/./;
export const limitsUrlWanted = 'write redis://HOST[:PORT][/NUMBER], or rediss:// for TLS';
const credentials = 'no user or password in this URL; write user: and password: beside it';

const problem = (text: string) => ({ problem: text }) as const;

/** Percent-decoded text without control characters, or null. */
const decoded = (text: string): string | null => {
  try {
    const plain = decodeURIComponent(text);
    return /[\u0000-\u001f\u007f]/.test(plain) ? null : plain;
  } catch {
    return null;
  }
};

const hostName = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;

type Authority = Readonly<{ host: string; port: number }>;

/** HOST[:PORT]; an IPv6 address stands in brackets. */
const readAuthority = (text: string, preset: number): Authority | null => {
  const match = /^(\[[0-9A-Fa-f:.]{2,45}\]|[^:[\]]+)(?::([0-9]{1,5}))?$/.exec(text);
  const host = decoded(match?.[1] ?? '');
  const port = match?.[2] === undefined ? preset : Number(match[2]);
  if (host === null || port < 1 || port > 65_535) return null;
  if (host.startsWith('[')) return { host: host.slice(1, -1), port };
  return hostName.test(host) || /^\/[^/]/.test(host) ? { host, port } : null;
};

/** Is this host the machine itself, or a socket on it? Nothing on that way needs TLS. */
export const isLoopback = (host: string): boolean =>
  host.startsWith('/') ||
  host === '::1' ||
  /^(localhost|(.+\.)localhost|127(\.[0-9]{1,3}){3})$/i.test(host);

type Query = Readonly<Record<'schema' | 'sslmode' | 'sslrootcert', string | undefined>>;
const queryKeys: ReadonlySet<string> = new Set(['schema', 'sslmode', 'sslrootcert']);

const readQuery = (text: string): Read<Query> => {
  const found = new Map<string, string>();
  for (const part of text === '' ? [] : text.split('&')) {
    const at = part.indexOf('=');
    const key = at < 0 ? part : part.slice(0, at);
    const value = at < 0 ? null : decoded(part.slice(at + 1));
    if (key === 'user' || key === 'password') return problem(credentials);
    if (!queryKeys.has(key))
      return problem('behind the ? of this URL stand schema, sslmode and sslrootcert alone');
    if (found.has(key)) return problem(`${key} stands twice in this URL`);
    if (value === null || value === '') return problem(`${key} says nothing in this URL`);
    found.set(key, value);
  }
  const [schema, sslmode, sslrootcert] = ['schema', 'sslmode', 'sslrootcert'].map((key) =>
    found.get(key),
  );
  return { value: { schema, sslmode, sslrootcert } };
};

const modes: ReadonlyMap<string, 'off' | 'require' | 'verify'> = new Map([
  ['disable', 'off'],
  ['require', 'require'],
  ['verify-full', 'verify'],
]);

const readPostgres = (rest: string): Read<StoreUrl> => {
  const match = /^([^/?]*)\/([^/?]*)(?:\?(.*))?$/s.exec(rest);
  if (match === null) return problem(storeUrlWanted);
  const authority = readAuthority(match[1] as string, 5_432);
  if (authority === null) return problem('this URL names no host and port that could be right');
  const database = decoded(match[2] as string);
  if (database === null || database === '' || Buffer.byteLength(database) > 63)
    return problem('this URL names no database: postgres://HOST/DATABASE');
  const query = readQuery(match[3] ?? '');
  if ('problem' in query) return query;
  const { schema = 'sallyport', sslmode, sslrootcert = null } = query.value;
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(schema))
    return problem(
      'schema: lower-case letters, digits and _, at most 63, not beginning with a digit or pg_',
    );
  const tls = modes.get(sslmode ?? (isLoopback(authority.host) ? 'disable' : 'verify-full'));
  if (tls === undefined) return problem(`sslmode is one of: ${[...modes.keys()].join(', ')}`);
  if (sslrootcert !== null && tls !== 'verify')
    return problem('sslrootcert is only looked at with sslmode=verify-full');
  return {
    value: { engine: 'postgres', ...authority, database, schema, tls, caPath: sslrootcert },
  };
};

/** Reads `store.url`. */
export const readStoreUrl = (text: string): Read<StoreUrl> => {
  const match = /^(sqlite:|postgres(?:ql)?:\/\/)(.*)$/s.exec(text);
  if (match === null) return problem(storeUrlWanted);
  const rest = match[2] as string;
  if (match[1] === 'sqlite:') {
    return /^[^?#\u0000]{1,1000}$/.test(rest)
      ? { value: { engine: 'sqlite', path: rest } }
      : problem('write sqlite: and the path of a file, without ? and #');
  }
  // A password may hold any character, so an @ is looked for before anything is cut.
  if (rest.includes('@')) return problem(credentials);
  if (rest.includes('#')) return problem('no # in this URL');
  return readPostgres(rest);
};

/** Reads `store.sharedLimits`, or its `url`. */
export const readLimitsUrl = (text: string): Read<LimitsUrl> => {
  const match = /^redis(s?):\/\/(.*)$/s.exec(text);
  if (match === null) return problem(limitsUrlWanted);
  const rest = match[2] as string;
  if (rest.includes('@')) return problem(credentials);
  const parts = /^([^/?#]*)(?:\/([0-9]{0,5}))?$/.exec(rest);
  if (parts === null) return problem(limitsUrlWanted);
  const authority = readAuthority(parts[1] as string, 6_379);
  if (authority === null || authority.host.startsWith('/'))
    return problem('this URL names no host and port that could be right');
  return {
    value: { ...authority, database: Number(parts[2] ?? 0), tls: match[1] === 's' },
  };
};

/** Text of the file with what looks like the user and password of a URL left out. */
export const withoutCredentials = (text: string): string => {
  const ours = /^(?:postgres(?:ql)?|rediss?):/i.test(text);
  return text
    .replace(ours ? /^([a-z]+:\/\/).*@/is : /^([a-z][a-z0-9+.-]{0,20}:\/\/)[^/?#]*@/i, '$1')
    .replace(ours ? /([?&](?:user|password)=)[^&]*/gi : /$^/, '$1');
};
