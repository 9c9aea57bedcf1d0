/** One payload per source as its vendor shows it (events-and-attributes.md §4, webhooks.md §2), and what it means. */

export type Payload = Readonly<{
  /** What it shows, and where it was read. */
  title: string;
  sender: string;
  headers?: Readonly<Record<string, string>>;
  body: unknown;
  zone?: string;
  /** By event: what must be read. */
  events: readonly Readonly<Record<string, unknown>>[];
}>;

const okta = (events: readonly unknown[]): unknown => ({
  eventType: 'com.okta.event_hook',
  eventId: 'b5a1',
  source: 'https://example.okta.com/api/v1/eventHooks/who1',
  data: { events },
});
const oktaEvent = (eventType: string, result: string, target: readonly unknown[]): unknown => ({
  uuid: `f790-${eventType}-${result}`,
  published: '2018-03-28T22:23:07.777Z',
  eventType,
  actor: { id: '00u1', alternateId: 'admin@example.com' },
  outcome: { result },
  target,
});
const oktaUser = { id: '00u2', type: 'User', alternateId: 'ann@example.com' };
const seen = Date.UTC(2018, 2, 28, 22, 23, 7, 777);

const gusto = (event_type: string): unknown => ({
  uuid: '03ffbf0c',
  event_type,
  resource_type: 'Company',
  resource_uuid: '5df911a0',
  entity_type: 'Employee',
  entity_uuid: 'bcfc9744',
  timestamp: 1671058841,
});

const successfactors = (
  effective: string,
  events: readonly (readonly [string, string])[],
): string =>
  `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<ns:ExternalEvent xmlns:ns="urn:x"><ns:externalEventMeta><ns:externalEventId>6767</ns:externalEventId>
<ns:type>com.successfactors.Employment.AssignmentInformation.Termination</ns:type>
<ns:publishedAt>1629186025244</ns:publishedAt><ns:effective>${effective}</ns:effective></ns:externalEventMeta>
<ns:events>${events
    .map(
      ([user, day]) =>
        `<ns:event><ns:entityType>EmpJob</ns:entityType>${day === '' ? '' : `<ns:effectiveStartDate>${day}</ns:effectiveStartDate>`}<ns:entityKeys><ns:entityKey><ns:name>userId</ns:name><ns:value>${user}</ns:value></ns:entityKey><ns:entityKey><ns:name>seqNumber</ns:name><ns:value>1</ns:value></ns:entityKey></ns:entityKeys></ns:event>`,
    )
    .join('')}</ns:events></ns:ExternalEvent></soapenv:Body></soapenv:Envelope>`;

const risc = 'https://schemas.openid.net/secevent/risc/event-type/';
const caep = 'https://schemas.openid.net/secevent/caep/event-type/';
const set = (uri: string): unknown => ({
  iss: 'https://idp.example.com/',
  jti: '756E69',
  iat: 1508184845,
  aud: 'sallyport',
  events: {
    [uri]: {
      subject: { subject_type: 'iss-sub', iss: 'https://idp.example.com/', sub: '7375626A' },
    },
  },
});

export const payloads: readonly Payload[] = [
  {
    title: 'Okta: several events; a failure is none, an actor is no subject',
    sender: 'okta',
    body: okta([
      oktaEvent('user.session.start', 'SUCCESS', []),
      oktaEvent('user.lifecycle.deactivate', 'SUCCESS', [
        { id: 'app', type: 'AppInstance' },
        oktaUser,
      ]),
      oktaEvent('user.lifecycle.deactivate', 'FAILURE', [oktaUser]),
      oktaEvent('group.user_membership.add', 'SUCCESS', [
        oktaUser,
        { id: '00g1', type: 'UserGroup', displayName: 'app-x' },
      ]),
    ]),
    events: [
      { kind: 'other', subject: '', observedAt: seen },
      {
        kind: 'leaver',
        subject: '00u2',
        id: 'f790-user.lifecycle.deactivate-SUCCESS',
        keys: { id: '00u2', userName: 'ann@example.com' },
        observedAt: seen,
      },
      { kind: 'other', subject: '00u2' },
      {
        kind: 'group-add',
        keys: { id: '00u2', userName: 'ann@example.com', groupId: '00g1', group: 'app-x' },
      },
    ],
  },
  {
    title: 'Auth0 log stream: a list',
    sender: 'auth0-log-stream',
    body: [
      {
        log_id: '900',
        data: { type: 'sdu', date: '2026-01-31T18:42:00.000Z', user_id: 'auth0|1' },
      },
    ],
    events: [
      { kind: 'leaver', id: '900', subject: 'auth0|1', observedAt: Date.UTC(2026, 0, 31, 18, 42) },
    ],
  },
  {
    title: 'Auth0 log stream: lines',
    sender: 'auth0-log-stream',
    body: '{"log_id":"1","data":{"type":"ss","user_id":"a"}}\n{"log_id":"2","data":{"type":"f","user_id":"b"}}\n',
    events: [
      { kind: 'joiner', id: '1', subject: 'a' },
      { kind: 'other', id: '2', subject: 'b' },
    ],
  },
  {
    title: 'Auth0 log stream: one object',
    sender: 'auth0-log-stream',
    body: { log_id: '1', data: { type: 'ss', user_id: 'a' } },
    events: [{ kind: 'joiner', subject: 'a' }],
  },
  {
    title: 'Auth0 event stream: a CloudEvent',
    sender: 'auth0-event-stream',
    body: {
      specversion: '1.0',
      type: 'user.created',
      source: 'urn:auth0:example',
      id: 'evt_1',
      time: '2025-01-29T14:36:25.794Z',
      data: { object: { user_id: 'auth0|2', email: 'b@example.com' } },
    },
    events: [
      {
        kind: 'joiner',
        id: 'evt_1',
        subject: 'auth0|2',
        keys: { id: 'auth0|2', email: 'b@example.com' },
        observedAt: Date.UTC(2025, 0, 29, 14, 36, 25, 794),
      },
    ],
  },
  {
    title: 'Microsoft Graph: changes of people, of a group, and what befalls the subscription',
    sender: 'ms-graph',
    body: {
      value: [
        { changeType: 'deleted', resource: 'Users/1', resourceData: { id: '1' }, tenantId: 't' },
        { changeType: 'updated', resource: 'Groups/2', resourceData: { id: '2' } },
        { subscriptionId: 's', lifecycleEvent: 'missed', resource: 'Users' },
        { subscriptionId: 's', lifecycleEvent: 'subscriptionRemoved' },
        { subscriptionId: 's', lifecycleEvent: 'reauthorizationRequired' },
      ],
    },
    events: [
      { kind: 'leaver', subject: '1', keys: { id: '1', tenantId: 't' } },
      { kind: 'other', subject: '2' },
      { kind: 'missed', subject: 's' },
      { kind: 'missed', type: 'subscriptionRemoved' },
      { kind: 'other', type: 'reauthorizationRequired' },
    ],
  },
  {
    title: 'Microsoft Graph, rich: what was encrypted says more',
    sender: 'ms-graph-rich',
    body: {
      value: [
        {
          changeType: 'updated',
          resource: "users('1')",
          resourceData: { id: '1' },
          content: {
            id: '1',
            accountEnabled: false,
            userPrincipalName: 'a@x.org',
            employeeId: '007',
          },
        },
        {
          changeType: 'updated',
          resource: 'users/1',
          resourceData: { id: '1' },
          content: { accountEnabled: true },
        },
      ],
    },
    events: [
      { kind: 'suspend', keys: { id: '1', userName: 'a@x.org', employeeNumber: '007' } },
      { kind: 'mover', subject: '1' },
    ],
  },
  {
    title: 'Entra Lifecycle Workflows: the route says which workflow is which',
    sender: 'entra-lifecycle',
    body: {
      type: 'lifecycleEvent',
      source: 'x',
      data: {
        callbackUriPath: '/x',
        subject: {
          id: 'u',
          displayName: 'A',
          email: 'a@x.org',
          userPrincipalName: 'a@x.org',
          manager: { id: 'm' },
        },
        task: { id: 't' },
        taskProcessingResult: { id: 'p', createdDateTime: '2026-01-01T00:00:00Z' },
        workflow: { id: 'w', displayName: 'Leavers', workflowVersion: 1 },
      },
    },
    events: [
      {
        kind: 'other',
        id: 'p',
        subject: 'u',
        observedAt: Date.UTC(2026, 0, 1),
        keys: {
          id: 'u',
          email: 'a@x.org',
          userName: 'a@x.org',
          managerId: 'm',
          workflowId: 'w',
          workflow: 'Leavers',
          taskId: 't',
        },
      },
    ],
  },
  {
    title: 'Google Directory: the first message of a channel',
    sender: 'google-directory',
    headers: {
      'x-goog-resource-state': 'sync',
      'x-goog-channel-id': 'c',
      'x-goog-message-number': '1',
    },
    body: '',
    events: [{ kind: 'test', id: 'c:1', subject: '' }],
  },
  {
    title: 'Google Directory: somebody left',
    sender: 'google-directory',
    headers: {
      'x-goog-resource-state': 'delete',
      'x-goog-channel-id': 'c',
      'x-goog-message-number': '2',
    },
    body: { kind: 'admin#directory#user', id: '111220860655841818702', primaryEmail: 'u@x.org' },
    events: [{ kind: 'leaver', subject: '111220860655841818702', id: 'c:2' }],
  },
  {
    title: 'Google Pub/Sub: the data inside is read',
    sender: 'google-pubsub',
    body: {
      message: {
        attributes: { key: 'value' },
        data: 'eyJ1c2VyIjp7ImlkIjo5MDA3MTk5MjU0NzQwOTkzfSwibiI6ItOpIn0=',
        messageId: '2070443601311540',
        publishTime: '2021-02-26T19:13:55.749Z',
      },
      subscription: 's',
    },
    events: [
      {
        kind: 'other',
        id: '2070443601311540',
        observedAt: Date.UTC(2021, 1, 26, 19, 13, 55, 749),
        raw: {
          message: {
            attributes: { key: 'value' },
            data: { user: { id: '9007199254740993' }, n: 'ө' },
            messageId: '2070443601311540',
            publishTime: '2021-02-26T19:13:55.749Z',
          },
          subscription: 's',
        },
      },
    ],
  },
  {
    title: 'BambooHR, by event',
    sender: 'bamboohr',
    body: {
      type: 'employee.updated',
      timestamp: '2026-01-31T18:42:00+0000',
      data: { companyId: '12345', employeeId: '67890', changedFields: ['firstName'] },
    },
    events: [
      {
        kind: 'mover',
        subject: '67890',
        keys: { id: '67890', companyId: '12345' },
        changed: ['firstName'],
        observedAt: Date.UTC(2026, 0, 31, 18, 42),
      },
    ],
  },
  {
    title: 'BambooHR, by event, as a form',
    sender: 'bamboohr',
    body: 'type=employee.updated&timestamp=2026-01-31T18%3A42%3A00%2B0000&data[companyId]=12345&data%5BemployeeId%5D=067890&data[changedFields][0]=firstName&data[changedFields][1]=lastName',
    events: [
      {
        kind: 'mover',
        subject: '067890',
        changed: ['firstName', 'lastName'],
        observedAt: Date.UTC(2026, 0, 31, 18, 42),
      },
    ],
  },
  {
    title: 'BambooHR, by field: many employees',
    sender: 'bamboohr',
    body: {
      employees: [
        {
          id: 5,
          fields: { firstName: { value: 'Ashley' }, jobTitle: { value: 'Administrator' } },
          changedFields: ['jobTitle'],
        },
        {
          id: '6',
          fields: { 'Employee #': { value: '300' } },
          changedFields: ['First name'],
          action: 'Deleted',
        },
      ],
    },
    events: [
      { kind: 'mover', subject: '5', changed: ['jobTitle'] },
      { kind: 'leaver', subject: '6', keys: { id: '6', employeeNumber: '300' } },
    ],
  },
  {
    title: 'HiBob v2: no zone, and a date in the route’s',
    sender: 'hibob',
    zone: 'Asia/Jerusalem',
    body: '{"companyId":636192,"type":"table.entry.created","triggeredBy":"3332","triggeredAt":"2025-01-08T13:06:26.915906","version":"v2","data":{"employeeId":3332288930291515418,"tableId":"lifecycle","effectiveDate":"2025-01-08"}}',
    events: [
      {
        kind: 'mover',
        subject: '3332288930291515418',
        observedAt: Date.UTC(2025, 0, 8, 13, 6, 26, 915),
        effectiveAt: Date.UTC(2025, 0, 7, 22),
      },
    ],
  },
  {
    title: 'HiBob v2: who left left already',
    sender: 'hibob',
    body: {
      companyId: 1,
      type: 'employee.left',
      triggeredAt: '2025-01-08T00:00:00',
      data: { employeeId: '33', effectiveDate: '2099-01-08' },
    },
    events: [{ kind: 'leaver', subject: '33', effectiveAt: null }],
  },
  {
    title: 'HiBob: the unsigned ping',
    sender: 'hibob',
    body: { text: 'Ping test' },
    events: [{ kind: 'test', subject: '' }],
  },
  {
    title: 'Personio',
    sender: 'personio',
    body: {
      company_id: '7',
      event_name: 'employment.terminated',
      occurred_at: '2026-03-01T00:00:00+01:00',
      payload: { id: 'e9', person_id: '12' },
      meta: {},
    },
    events: [{ kind: 'leaver', subject: '12', observedAt: Date.UTC(2026, 1, 28, 23) }],
  },
  {
    title: 'Personio: the id of an employment is no person',
    sender: 'personio',
    body: {
      company_id: '7',
      event_name: 'employment.started',
      occurred_at: '2026-03-01T00:00:00Z',
      payload: { id: 'e9' },
    },
    events: [{ kind: 'joiner', subject: '', keys: { companyId: '7', employmentId: 'e9' } }],
  },
  {
    title: 'Rippling: a form',
    sender: 'rippling',
    body: 'event_name=employee.terminated&company_id=c1&company_primary_email=boss%40x.org&employee_id=00042',
    events: [{ kind: 'leaver', subject: '00042', keys: { id: '00042', companyId: 'c1' } }],
  },
  {
    title: 'Gusto: a planned termination has no date and is nothing to act on',
    sender: 'gusto',
    body: gusto('employee.terminated'),
    events: [
      {
        kind: 'other',
        type: 'employee.terminated',
        subject: 'bcfc9744',
        observedAt: 1671058841000,
      },
    ],
  },
  {
    title: 'Gusto: the day of a termination',
    sender: 'gusto',
    body: gusto('employee.terminated_effective'),
    events: [{ kind: 'leaver', subject: 'bcfc9744', id: '03ffbf0c' }],
  },
  {
    title: 'Gusto: a termination is taken back',
    sender: 'gusto',
    body: gusto('employee.termination_cancelled'),
    events: [{ kind: 'cancel', cancels: ['leaver'], subject: 'bcfc9744' }],
  },
  {
    title: 'Gusto: who is hired again does not leave',
    sender: 'gusto',
    body: gusto('employee.rehire_effective'),
    events: [{ kind: 'rehire', cancels: ['leaver'] }],
  },
  {
    title: 'SuccessFactors: two terminations to come',
    sender: 'successfactors',
    zone: 'Europe/Berlin',
    body: successfactors('future', [
      ['007', '2021-09-01'],
      ['8', '2021-11-30'],
    ]),
    events: [
      {
        kind: 'leaver',
        subject: '007',
        id: '6767:EmpJob:007',
        observedAt: 1629186025244,
        effectiveAt: Date.UTC(2021, 7, 31, 22),
      },
      { kind: 'leaver', subject: '8', effectiveAt: Date.UTC(2021, 10, 29, 23) },
    ],
  },
  {
    title: 'SuccessFactors: one that is to come but has no date',
    sender: 'successfactors',
    body: successfactors('future', [['007', '']]),
    events: [{ kind: 'other', subject: '007' }],
  },
  {
    title: 'SuccessFactors: one that counts now',
    sender: 'successfactors',
    body: successfactors('current', [['007', '']]),
    events: [{ kind: 'leaver', subject: '007', effectiveAt: null }],
  },
  {
    title: 'Workday: rows of a report; a date with an offset; a rescission',
    sender: 'workday',
    body: {
      Report_Entry: [
        {
          Employee_ID: '00021',
          Event_Type: 'Termination',
          Effective_Date: '2026-06-30-07:00',
          Email: 'e@x.org',
        },
        { Employee_ID: '00021', Event_Type: 'Rescind Termination' },
      ],
    },
    events: [
      { kind: 'leaver', subject: '00021', effectiveAt: Date.UTC(2026, 5, 30, 7) },
      { kind: 'cancel', cancels: ['leaver'], subject: '00021' },
    ],
  },
  {
    title: 'ServiceNow: what a script writes; no offset',
    sender: 'servicenow',
    zone: 'America/New_York',
    body: {
      sys_id: 's',
      event: 'offboarding',
      employee_number: '0042',
      user_name: 'x',
      sys_updated_on: '2026-07-01 08:00:00',
      last_day: '2026-07-31',
    },
    events: [
      {
        kind: 'leaver',
        subject: '0042',
        observedAt: Date.UTC(2026, 6, 1, 12),
        effectiveAt: Date.UTC(2026, 6, 31, 4),
      },
    ],
  },
  {
    title: 'SailPoint: attributes changed',
    sender: 'sailpoint',
    body: {
      identity: { type: 'IDENTITY', id: '2c71', name: 'Michael' },
      changes: [{ attribute: 'department', oldValue: 'sales', newValue: 'marketing' }],
      _metadata: { triggerId: 'idn:identity-attributes-changed', invocationId: 'i1' },
    },
    events: [{ kind: 'mover', id: 'i1', subject: '2c71', changed: ['department'] }],
  },
  {
    title: 'WorkOS: an update to inactive',
    sender: 'workos',
    body: {
      id: 'event_1',
      event: 'dsync.user.updated',
      created_at: '2021-06-25T19:07:33.155Z',
      data: {
        id: 'directory_user_1',
        idp_id: '8931',
        directory_id: 'd',
        email: 'v@x.org',
        state: 'inactive',
        previous_attributes: { state: 'active' },
      },
    },
    events: [
      {
        kind: 'suspend',
        subject: 'directory_user_1',
        changed: ['state'],
        keys: { id: 'directory_user_1', externalId: '8931', email: 'v@x.org', directoryId: 'd' },
      },
    ],
  },
  {
    title: 'WorkOS: a member of a group, and a directory that is nobody',
    sender: 'workos',
    body: {
      id: 'event_2',
      event: 'dsync.group.user_added',
      data: {
        directory_id: 'd',
        user: { id: 'u1', idp_id: '1' },
        group: { id: 'g1', name: 'dev' },
      },
    },
    events: [
      {
        kind: 'group-add',
        subject: 'u1',
        keys: { id: 'u1', externalId: '1', groupId: 'g1', group: 'dev', directoryId: 'd' },
      },
    ],
  },
  {
    title: 'WorkOS: a directory',
    sender: 'workos',
    body: { id: 'event_3', event: 'dsync.activated', data: { id: 'directory_1', state: 'active' } },
    events: [{ kind: 'other', subject: '' }],
  },
  {
    title: 'GitHub: out of the organization',
    sender: 'github',
    headers: { 'x-github-event': 'organization', 'x-github-delivery': 'd1' },
    body: {
      action: 'member_removed',
      membership: { user: { login: 'hacktocat', id: 583231 } },
      organization: { login: 'o' },
    },
    events: [{ kind: 'leaver', type: 'organization.member_removed', subject: '583231', id: 'd1' }],
  },
  {
    title: 'GitHub: into a team',
    sender: 'github',
    headers: { 'x-github-event': 'membership' },
    body: {
      action: 'added',
      scope: 'team',
      member: { login: 'h', id: 1 },
      team: { id: 2, slug: 'dev' },
    },
    events: [
      {
        kind: 'group-add',
        subject: '1',
        keys: { id: '1', userName: 'h', groupId: '2', group: 'dev' },
      },
    ],
  },
  {
    title: 'Slack: joined',
    sender: 'slack',
    body: {
      type: 'event_callback',
      team_id: 'T',
      event_id: 'Ev1',
      event_time: 1360782804,
      event: { type: 'team_join', user: { id: 'W1', name: 'n', profile: { email: 'n@x.org' } } },
    },
    events: [{ kind: 'joiner', subject: 'W1', observedAt: 1360782804000 }],
  },
  {
    title: 'Slack: deactivated',
    sender: 'slack',
    body: {
      type: 'event_callback',
      event_id: 'Ev2',
      event: { type: 'user_change', user: { id: 'W1', deleted: true } },
    },
    events: [{ kind: 'leaver', subject: 'W1' }],
  },
  {
    title: 'Finch',
    sender: 'finch',
    headers: { 'finch-event-id': 'msg_1' },
    body: {
      company_id: 'c',
      connection_id: 'k',
      event_type: 'employment.updated',
      data: { individual_id: 'i' },
    },
    events: [{ kind: 'mover', id: 'msg_1', subject: 'i' }],
  },
  {
    title: 'Kombo: tables, not people',
    sender: 'kombo',
    body: {
      id: 'F',
      type: 'data-changed',
      data: { integration_id: 'personio:1', changed_models: [{ name: 'hris_employees' }] },
    },
    events: [{ kind: 'other', id: 'F', subject: '', changed: ['hris_employees'] }],
  },
  {
    title: 'Merge',
    sender: 'merge',
    body: {
      hook: { id: 'h', event: 'Employee.changed' },
      linked_account: { id: 'l' },
      data: { id: 'm1', remote_id: '19202938', employee_number: '002', work_email: 'w@x.org' },
    },
    events: [
      {
        kind: 'mover',
        id: 'h',
        subject: 'm1',
        keys: {
          id: 'm1',
          externalId: '19202938',
          employeeNumber: '002',
          email: 'w@x.org',
          linkedAccountId: 'l',
        },
      },
    ],
  },
  {
    title: 'Deel: a list of resources',
    sender: 'deel',
    body: {
      data: {
        meta: {
          event_type: 'contract.terminated',
          organization_id: 'o',
          event_id: 'e',
          occurred_at: '2025-02-05T15:39:38.070Z',
        },
        resource: [
          {
            contract_id: 'k',
            worker_email: 'w@x.org',
            worker_id: 'w1',
            termination_date: '2025-03-01',
          },
        ],
      },
      timestamp: '2025-02-05T15:40:00Z',
    },
    events: [
      {
        kind: 'leaver',
        id: 'e',
        subject: 'w1',
        effectiveAt: Date.UTC(2025, 2, 1),
        observedAt: Date.UTC(2025, 1, 5, 15, 39, 38, 70),
      },
    ],
  },
  ...(
    [
      [`${risc}account-disabled`, 'suspend'],
      [`${risc}account-enabled`, 'resume'],
      [`${risc}account-purged`, 'leaver'],
      [`${caep}credential-change`, 'credential'],
      [`${caep}session-revoked`, 'other'],
      ['https://schemas.openid.net/secevent/ssf/event-type/verification', 'test'],
      ['https://evil.example/secevent/risc/event-type/account-purged', 'other'],
    ] as const
  ).map(([uri, kind]): Payload => ({
    title: `SET: ${uri}`,
    sender: 'set',
    body: set(uri),
    events: [{ kind, id: '756E69', type: uri, subject: '7375626A', observedAt: 1508184845000 }],
  })),
  {
    title: 'SET: a complex subject, and its own time',
    sender: 'set',
    body: {
      jti: 'j',
      iat: 1600976590,
      sub_id: {
        format: 'complex',
        user: { format: 'email', email: 'foo@example.com' },
        tenant: { format: 'opaque', id: 't' },
      },
      events: { [`${risc}account-disabled`]: { event_timestamp: 1600976500 } },
    },
    events: [{ kind: 'suspend', subject: 'foo@example.com', observedAt: 1600976500000 }],
  },
  {
    title: 'SET: two events in one say two things',
    sender: 'set',
    body: { jti: 'j', events: { [`${risc}account-purged`]: {}, [`${risc}account-enabled`]: {} } },
    events: [{ kind: 'other' }],
  },
  {
    title: 'CloudEvents, attributes in headers',
    sender: 'cloudevents',
    headers: { 'ce-id': '1', 'ce-type': 't', 'ce-time': '2020-01-01T00:00:00Z' },
    body: { user: 1 },
    events: [{ kind: 'other', id: '1', type: 't', subject: '', observedAt: Date.UTC(2020, 0, 1) }],
  },
  {
    title: 'Standard Webhooks',
    sender: 'standard-webhooks',
    headers: { 'webhook-id': 'msg_1' },
    body: { type: 'user.created', timestamp: '2022-11-03T20:26:10.344522Z', data: { id: '1' } },
    events: [
      {
        kind: 'other',
        id: 'msg_1',
        type: 'user.created',
        subject: '',
        observedAt: Date.UTC(2022, 10, 3, 20, 26, 10, 344),
      },
    ],
  },
  {
    title: 'SNS: the message inside is read',
    sender: 'aws-sns',
    body: {
      Type: 'Notification',
      MessageId: '22b80b92',
      TopicArn: 'arn:aws:sns:us-west-2:1:t',
      Message: '{"id":9007199254740993}',
      Timestamp: '2012-05-02T00:54:06.655Z',
    },
    events: [
      {
        kind: 'other',
        id: '22b80b92',
        keys: { topic: 'arn:aws:sns:us-west-2:1:t' },
        observedAt: Date.UTC(2012, 4, 2, 0, 54, 6, 655),
        raw: {
          Type: 'Notification',
          MessageId: '22b80b92',
          TopicArn: 'arn:aws:sns:us-west-2:1:t',
          Message: { id: '9007199254740993' },
          Timestamp: '2012-05-02T00:54:06.655Z',
        },
      },
    ],
  },
  {
    title: 'a sender without a mapping',
    sender: 'zendesk',
    body: { id: 12, type: 'ticket' },
    events: [{ source: 'generic', kind: 'other', id: '12', type: 'ticket', subject: '' }],
  },
];
