/**
 * Changes that are only made to what their sender has seen: `ETag` and `If-Match`, RFC 9110.
 *
 * @module
 */

import { z } from "zod";
import { WorkflowError } from "../../domain/errors.ts";
import type { IsExpected } from "../../services/orders/edit_order.ts";
import { ownTagOf } from "./conditional.ts";

/** One or more tags, or `*`. */
const pattern = /^\s*(\*|(W\/)?"[\x21\x23-\x7e]*"(\s*,\s*(W\/)?"[\x21\x23-\x7e]*")*)\s*$/;

/** The header; whether it is there is checked by {@linkcode expectedTags}, which answers differently. */
export const ifMatchHeaders = z.object({
  "if-match": z.string()
    .regex(pattern, 'must be the ETag of an earlier answer, such as "3-9f86d081884c7d65", or *')
    .optional()
    .meta({
      description: "The `ETag` of what the change is to be made to; it must be there",
      examples: ['"0-9f86d081884c7d65"'],
    }),
});

/**
 * The versions that a request may change.
 *
 * @param header `If-Match`
 * @param of what it changes, for the error: `GET /orders/42`
 * @throws {WorkflowError} `precondition_required` where it is missing
 */
export function expectedTags(header: string | undefined, of: string): IsExpected {
  if (header === undefined) {
    throw new WorkflowError(
      "precondition_required",
      `If-Match is missing: send the ETag that ${of} answers with, so that nobody's change is undone unseen`,
    );
  }
  return matcherOf(header);
}

/**
 * Tells of a tag whether `If-Match` names it, be it by the tag of a whole answer, see `conditional.ts`. Weak ones never
 * match: RFC 9110, 13.1.1.
 */
export function matcherOf(header: string): IsExpected {
  if (header.trim() === "*") return () => true;
  const tags = new Set(header.split(",").map((tag) => ownTagOf(tag.trim())));
  return (tag) => tags.has(tag);
}
