/**
 * Forms as bodies of requests.
 *
 * @module
 */

import type { Context } from "hono";
import { WorkflowError } from "../../domain/errors.ts";

/**
 * A form's fields that are texts, without the spaces around them; the last one counts where a name comes
 * twice. What is no form has no fields.
 *
 * @throws {WorkflowError} `bad_request` for what says that it is a form and can't be read as one
 */
export async function readForm(c: Context): Promise<Record<string, string | undefined>> {
  let body;
  try {
    body = await c.req.parseBody();
  } catch (error) {
    // The parser's own complaint about a form of many parts; anything else is no fault of the form.
    if (!(error instanceof TypeError)) throw error;
    throw new WorkflowError("bad_request", "The form is not well-formed");
  }
  const fields: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === "string") fields[name] = value.trim();
  }
  return fields;
}
