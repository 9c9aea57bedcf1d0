/** Slack Events API: people who join and change; a deactivated one is a change with `deleted`. */
import { mapping } from '../by-places.ts';
import { compilePlace } from '../places.ts';

const deleted = compilePlace('event.user.deleted');
const challenge = compilePlace('challenge');

export const slack = mapping({
  name: 'slack',
  senders: [],
  confidence: 'documented',
  source: 'api.slack.com events team_join, user_change, subteam_members_changed',
  forms: ['json'],
  lists: [],
  id: ['event_id'],
  type: ['event.type', 'type'],
  subject: ['event.user.id', 'event.user'],
  keys: {
    id: ['event.user.id', 'event.user'],
    email: ['event.user.profile.email'],
    userName: ['event.user.name'],
    teamId: ['team_id', 'event.user.team_id'],
  },
  observedAt: [{ at: 'event_time', unit: 's' }],
  kinds: { team_join: 'joiner', user_change: 'mover', url_verification: 'test' },
  refine: (reading, { item }) => {
    if (challenge(item) !== undefined) return { ...reading, kind: 'test' };
    return reading.type === 'user_change' && deleted(item) === true
      ? { ...reading, kind: 'leaver' }
      : reading;
  },
  note: 'A change of somebody deactivated is `leaver` each time it comes.',
});
