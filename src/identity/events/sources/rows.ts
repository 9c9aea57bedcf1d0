/** Workday and ServiceNow have no payload of their own: what a report or a script writes, by the names most use. */
import { mapping } from '../by-places.ts';

export const workday = mapping({
  name: 'workday',
  senders: [],
  confidence: 'unverified',
  source: 'no public webhook: rows of custom reports as integrations send them',
  forms: ['json', 'xml'],
  lists: ['Report_Entry', 'Report_Data.Report_Entry', '.'],
  id: ['Transaction_ID', 'Event_ID', 'WID'],
  type: ['Event_Type', 'Transaction_Type', 'Business_Process_Type', 'type'],
  subject: ['Employee_ID', 'Worker_ID', 'employeeID', 'Worker'],
  keys: {
    id: ['Employee_ID', 'Worker_ID', 'employeeID', 'Worker'],
    employeeNumber: ['Employee_ID', 'Worker_ID', 'employeeID'],
    email: ['Email', 'Work_Email', 'email'],
    userName: ['User_Name', 'Username'],
  },
  observedAt: ['Entered_On', 'Completed_On', 'Last_Modified'],
  effectiveAt: ['Effective_Date', 'Termination_Date', 'effectiveDate'],
  kinds: {
    Hire: 'joiner',
    Rehire: 'rehire',
    Termination: 'leaver',
    Terminate: 'leaver',
    'Terminate Employee': 'leaver',
    'Change Job': 'mover',
    Transfer: 'mover',
    'Rescind Termination': { kind: 'cancel', cancels: ['leaver'] },
    'Termination Rescinded': { kind: 'cancel', cancels: ['leaver'] },
    'Rescind Hire': { kind: 'cancel', cancels: ['joiner'] },
  },
  note: 'Rows are the customer’s own: check the names against your report. A poller sends the same rows again.',
});

export const servicenow = mapping({
  name: 'servicenow',
  senders: [],
  confidence: 'unverified',
  source: 'script-defined: field names of sys_user and of HR cases',
  forms: ['json'],
  lists: ['records', 'result'],
  id: ['sys_id', 'event_id'],
  type: ['event', 'event_type', 'operation', 'action'],
  subject: ['employee_number', 'user_sys_id', 'user', 'subject_person'],
  keys: {
    id: ['user_sys_id', 'user'],
    employeeNumber: ['employee_number'],
    email: ['email'],
    userName: ['user_name'],
    ticket: ['number'],
  },
  observedAt: ['sys_updated_on', 'sys_created_on'],
  effectiveAt: ['effective_date', 'termination_date', 'last_day', 'u_effective_date'],
  kinds: {
    onboarding: 'joiner',
    offboarding: 'leaver',
    transfer: 'mover',
    rehire: 'rehire',
  },
  note: 'Bodies are the customer’s own. Business rules fire twice: dedupe by id.',
});
