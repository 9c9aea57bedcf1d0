/** What stands where a static secret stood in a message that is kept: a word of ours and the key's id. */

/** How every mark begins. */
export const keptMark = 'sallyport-key:';

/** The mark of a key. */
export const markOf = (keyId: string): string => `${keptMark}${keyId}`;
