/** What the keys of safety are for, as editors show them: by dotted path, see key-descriptions.ts. */

const guard = {
  guards: 'Limits on the blast radius, of the whole tenant and whatever the door.',
  'guards.*.name': 'Name of the guard: rules and counters go by it.',
  'guards.*.actions':
    'Changes that are counted: users:deactivate; users:* is every change of users, deletion included. Of memberships the members that move count.',
  'guards.*.detect':
    'emptied: a group loses all its members; replaced: more than share of them go in one change; cleared: an attribute is left without a value. Without a window each one trips.',
  'guards.*.attributes': 'detect cleared: attributes that must not be cleared.',
  'guards.*.above': 'detect emptied and replaced: only groups with more members than this.',
  'guards.*.share': 'detect replaced: the share of members that may go. Default: 50%.',
  'guards.*.count': 'So many may pass in the window. With percent beside it the smaller one holds.',
  'guards.*.percent':
    'Share of all such resources there are, as the gateway counts them (per group: of its members); at least 1.',
  'guards.*.in': 'Length of the window: 1h. It slides.',
  'guards.*.slow': 'A second, longer window, against drips.',
  'guards.*.slow.count': 'So many may pass in the slow window.',
  'guards.*.slow.percent': 'Share that may pass in the slow window.',
  'guards.*.slow.in': 'Length of the slow window: 7d.',
  'guards.*.per': 'Whose changes are counted together: those of a client, of all, or of one group.',
  'guards.*.then':
    'Above the limit. hold: it waits for people; deny: it is refused, and a revocation is lost.',
  'guards.*.by': 'People who must approve what it holds.',
} as const;

const protection = {
  protected: 'Subjects that some changes never hit, of the whole tenant and whatever the door.',
  'protected.*.name': 'Name of the rule.',
  'protected.*.users':
    'Users, by any of: patterns by attribute path (userName: ["breakglass@*"]), ids, memberOf, when.',
  'protected.*.users.ids': 'Ids at the target.',
  'protected.*.users.memberOf':
    'Patterns of displayNames: members of these groups, nested ones too.',
  'protected.*.users.when': 'CEL condition over before. What cannot be judged is protected.',
  'protected.*.users.*': 'Patterns in which * is any run of characters; letter case never matters.',
  'protected.*.groups': 'Groups, by any of: patterns by attribute path (displayName), ids, when.',
  'protected.*.groups.ids': 'Ids at the target.',
  'protected.*.groups.when': 'CEL condition over before. What cannot be judged is protected.',
  'protected.*.groups.*':
    'Patterns in which * is any run of characters; letter case never matters.',
  'protected.*.never':
    'What never happens to them: deactivate, delete, password … Of users also add-member and remove-member; * is all of it.',
} as const;

const privileged = {
  privileged: 'What grants privilege there: changes of it need users:entitle as well.',
  'privileged.groups':
    'Patterns of displayNames: their members, names and existence. [] means what the target tells of groups.',
  'privileged.attributes': 'Attributes that feed roles or groups, such as department.',
} as const;

const approval = {
  approval: 'Changes that wait for people, whoever makes them.',
  'approval.required': 'These actions wait; users:* is every change of users, deletion included.',
  'approval.by': 'People who must approve; never the owner of the client.',
  'approval.expires': 'How long it waits before it is refused.',
  'approval.remember': 'A call that comes again so long after the decision is answered by it.',
  'approval.passwords': 'drop: passwords of held changes are not kept; keep: they are, sealed.',
  authzen: 'An external decision point (AuthZEN 1.0) that is asked after our own decision.',
  'authzen.target': 'Name of the target that answers, with its own credential.',
  'authzen.path': 'Path below its baseUrl.',
  'authzen.timeout': 'How long it may take; then the change is refused.',
  'authzen.actions': 'Asked about these changes only. Default: every change.',
  'verify.actions': 'Actions after which the resource is read back and compared.',
  'verify.again': 'When it is looked at again, after the change: [1m, 15m].',
  'verify.every': 'How often from then on. Default: no more.',
} as const;

const holds = {
  holds: 'Changes that wait for people.',
  'holds.pending': 'Most that may wait of one client; more are refused.',
  'holds.expires': 'How long what a guard holds waits before it is refused.',
  'holds.notify': 'Who is told of new ones, by webhooks without any values.',
  'holds.notify.*.name': 'Name of this notice.',
  'holds.notify.*.to': 'Name of the target that is told. Not one behind a SCIM route.',
  'holds.notify.*.path': "Path below the target's baseUrl.",
  'holds.notify.*.sign': 'How it is signed; none: not at all.',
  'holds.notify.*.sign.scheme': 'Name of the scheme. Default: standard-webhooks.',
  'holds.notify.*.sign.secret': 'Its secret, as ${env:NAME} or ${file:path}.',
  'holds.notify.*.sign.template': 'scheme custom: the options of one scheme.',
} as const;

/** Of a target. */
export const targetSafety = { ...guard, ...protection, ...privileged };

/** Of a route. */
export const routeSafety = approval;

/** At the top of the file, by whole path. */
export const topSafety = holds;
