/** `holds:` of a snapshot: what becomes of held changes, and who is told of new ones. */
import type { HoldNotice, HoldSettings } from '../snapshot.ts';
import { guardedBy, signerOf, type DeliverContext } from './compile-deliver.ts';
import type { Parsed } from './parse-sections.ts';

type Context = Pick<DeliverContext, 'parsed' | 'resolve' | 'problem' | 'unusable'>;

const noticeOf = (
  { name, to, path, sign }: NonNullable<Parsed['holds']>['notify'][number],
  index: number,
  context: Context,
): HoldNotice => {
  const at = ['holds', 'notify', index];
  const through = guardedBy(context.parsed, to, path);
  if (through !== null)
    context.problem(
      [...at, 'to'],
      `route ${through} serves this address as SCIM: nothing but its calls goes there`,
    );
  return Object.freeze({
    name,
    target: to,
    path,
    signer: signerOf(sign, [...at, 'sign'], context),
  });
};

/** The settings; null where they did not parse. */
export const compileHolds = (context: Context): HoldSettings | null => {
  const { holds } = context.parsed;
  if (holds === null) return null;
  return Object.freeze({
    pendingMax: holds.pending,
    expiresMs: holds.expires,
    notify: Object.freeze(holds.notify.map((each, index) => noticeOf(each, index, context))),
  });
};
