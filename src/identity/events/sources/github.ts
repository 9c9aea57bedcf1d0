/** GitHub: members of organizations and teams. The type is the event header and the action together. */
import { kindFinder, mapping } from '../by-places.ts';

const row = kindFinder({
  'organization.member_added': 'joiner',
  'organization.member_removed': 'leaver',
  'membership.added': 'group-add',
  'membership.removed': 'group-remove',
  'ping*': 'test',
});

export const github = mapping({
  name: 'github',
  senders: [],
  confidence: 'documented',
  source: 'github/docs webhook events: organization, membership, ping',
  forms: ['json'],
  lists: [],
  id: ['#x-github-delivery'],
  type: ['action'],
  subject: ['membership.user.id', 'member.id'],
  keys: {
    id: ['membership.user.id', 'member.id'],
    userName: ['membership.user.login', 'member.login'],
    groupId: ['team.id'],
    group: ['team.slug', 'team.name'],
    organization: ['organization.login'],
  },
  kinds: {},
  refine: (reading, { headers }) => {
    const event = headers['x-github-event'] ?? '';
    const type = [event, reading.type]
      .filter((part) => part !== '' && part !== undefined)
      .join('.');
    return { ...reading, type, kind: row(type).kind };
  },
  note: 'Subjects are numeric user ids. The event name is a header outside of the signature; the action is inside.',
});
