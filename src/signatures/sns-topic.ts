/**
 * Names of AWS SNS topics, and what follows from them: the one host of a topic's region. Addresses
 * are made from a topic on the route's own list and never taken from a message.
 */

/** A topic's name, read. */
export type SnsTopic = Readonly<{
  arn: string;
  region: string;
  /** `sns.eu-west-1.amazonaws.com`; in China below `.cn`. */
  host: string;
}>;

const arnPattern =
  /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/;

/** Longest text that can be a topic's name. */
const snsArnLengthMax = 350;

/** Reads a topic's name (`arn:aws:sns:eu-west-1:123456789012:people`), or null. */
export const readSnsTopic = (arn: unknown): SnsTopic | null => {
  if (typeof arn !== 'string' || arn.length > snsArnLengthMax) return null;
  const [, partition, region] = arnPattern.exec(arn) ?? [];
  if (region === undefined) return null;
  const suffix = partition === 'aws-cn' ? '.cn' : '';
  return { arn, region, host: `sns.${region}.amazonaws.com${suffix}` };
};

const tokenPattern = /^[A-Za-z0-9_-]{16,2048}$/;

/** The address that confirms a subscription, or null where the token is not written like one. */
export const snsConfirmUrl = ({ arn, host }: SnsTopic, token: unknown): string | null =>
  typeof token === 'string' && tokenPattern.test(token)
    ? `https://${host}/?Action=ConfirmSubscription&TopicArn=${encodeURIComponent(arn)}&Token=${token}`
    : null;
