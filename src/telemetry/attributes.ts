/**
 * Attributes of a request, once for its SERVER span and its OpenTelemetry log record (interface.md
 * §7). An allow-list: what is not named here is on no span. No value of a query, body or header but
 * the user agent is in the record to begin with.
 */
import type { PlanChanged, RequestSettled } from './observe.ts';

/** Attributes as built here; flat, and never changed afterwards. */
export type SpanAttributes = Record<string, string | number | readonly string[]>;

/** Methods the semantic conventions know; others are `_OTHER`. */
const methods = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '));

/** The method, or `_OTHER` for one of the caller's invention. */
export const knownMethod = (method: string): string => (methods.has(method) ? method : '_OTHER');

/** Error type of our own answer: 5xx only, as the conventions want it for servers; none where the caller hung up. */
export const serverErrorType = (record: RequestSettled): string | null =>
  record.status < 500 || record.abandoned ? null : (record.code ?? String(record.status));

/** What is known before the request was understood. */
const edgeAttributes = (record: RequestSettled): SpanAttributes => {
  const attributes: SpanAttributes = {
    'http.request.method': knownMethod(record.method),
    'http.route': record.httpRoute,
    // The template again: a path holds ids, and an id may be a user name.
    'url.path': record.httpRoute,
    'url.scheme': record.scheme,
    'server.address': record.serverAddress,
    'server.port': record.serverPort,
    'client.address': record.clientAddress,
    'http.response.status_code': record.status,
    'sallyport.request.id': record.requestId,
    'sallyport.config.version': record.configVersion,
  };
  if (record.query !== '') attributes['url.query'] = record.query;
  if (record.userAgent !== '') attributes['user_agent.original'] = record.userAgent;
  return attributes;
};

/** What was asked, by whom, and what came of it. */
const addDecided = (attributes: SpanAttributes, record: RequestSettled | PlanChanged): void => {
  if (record.route !== null) attributes['sallyport.route'] = record.route;
  if (record.client !== null) attributes['sallyport.client'] = record.client;
  if (record.target !== null) attributes['sallyport.target'] = record.target;
  if (record.operation !== null) attributes['sallyport.operation'] = record.operation;
  if (record.actions.length > 0) attributes['sallyport.actions'] = record.actions;
  if (record.resourceType !== null) attributes['sallyport.resource.type'] = record.resourceType;
  if (record.decision !== null) attributes['sallyport.decision'] = record.decision;
  if (record.rule !== null) attributes['sallyport.rule'] = record.rule;
  if (record.holdId !== undefined) attributes['sallyport.hold.id'] = record.holdId;
  if (record.normalisedCount > 0) attributes['sallyport.normalised'] = record.normalisedCount;
  if (record.mutation !== null) {
    attributes['sallyport.ledger.id'] = record.mutation.ledgerId;
    attributes['sallyport.outcome'] = record.mutation.outcome;
    attributes['sallyport.settled_by'] = record.mutation.settledBy;
  }
};

/** All attributes of a request. */
export const requestAttributes = (record: RequestSettled): SpanAttributes => {
  const attributes = edgeAttributes(record);
  const errorType = serverErrorType(record);
  if (errorType !== null) attributes['error.type'] = errorType;
  addDecided(attributes, record);
  if (record.keyId !== null) attributes['sallyport.key.id'] = record.keyId;
  const { webhook } = record;
  if (webhook !== undefined) {
    attributes['sallyport.scheme'] = webhook.sender;
    attributes['sallyport.result'] = webhook.result;
    if (webhook.eventId !== null) attributes['sallyport.event.id'] = webhook.eventId;
    if (webhook.greeting !== null) attributes['sallyport.handshake'] = webhook.greeting;
    if (record.code !== null) attributes['sallyport.code'] = record.code;
    if (record.internal !== null) attributes['sallyport.reason'] = record.internal.slice(0, 200);
  }
  return attributes;
};

/** Attributes of one change by a plan. */
export const planAttributes = (record: PlanChanged): SpanAttributes => {
  const attributes: SpanAttributes = {
    'sallyport.request.id': record.requestId,
    'sallyport.config.version': record.configVersion,
    'sallyport.delivery.id': record.deliveryId,
    'sallyport.plan': record.plan,
    'sallyport.step': record.step,
  };
  if (record.code !== null) attributes['error.type'] = record.code;
  addDecided(attributes, record);
  return attributes;
};
