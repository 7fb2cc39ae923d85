/**
 * Names the content of an order, so that two who change it at once don't undo each other's change.
 *
 * @module
 */

/** The content that an order has. */
export interface OrderVersion {
  /** How often it was changed. */
  revision: number;
  /** Of its content, in hexadecimal. */
  contentHash: string;
}

/**
 * An entity tag (RFC 9110) of what an order's source says of it. Where the order stands is no part of it: an order goes
 * on by itself while somebody changes it. The hash tells contents apart that have the same number after a database
 * was restored.
 */
export function orderTag({ revision, contentHash }: OrderVersion): string {
  return `"${revision}-${contentHash.slice(0, 16)}"`;
}
