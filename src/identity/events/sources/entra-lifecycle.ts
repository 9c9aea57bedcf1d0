/** Microsoft Entra Lifecycle Workflows, custom task: somebody's workflow reached this step. */
import { mapping } from '../by-places.ts';

export const entraLifecycle = mapping({
  name: 'entra-lifecycle',
  senders: [],
  confidence: 'documented',
  source: 'learn.microsoft.com lifecycle-workflow-extensibility',
  forms: ['json'],
  lists: [],
  id: ['data.taskProcessingResult.id'],
  type: ['type'],
  subject: ['data.subject.id'],
  keys: {
    id: ['data.subject.id'],
    email: ['data.subject.email'],
    userName: ['data.subject.userPrincipalName'],
    managerId: ['data.subject.manager.id'],
    workflowId: ['data.workflow.id'],
    workflow: ['data.workflow.displayName'],
    taskId: ['data.task.id'],
  },
  observedAt: ['data.taskProcessingResult.createdDateTime'],
  kinds: {},
  note: 'The workflow knows whether it is one of joiners or leavers, the message does not: give `kind`, say by event.keys.workflowId.',
});
