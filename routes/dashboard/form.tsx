/**
 * Forms that change something.
 *
 * @module
 */

import type { Context } from "hono";
import type { Child, FC } from "hono/jsx";
import { csrfField } from "../session.ts";

/**
 * A form that is sent by POST, with what proves that it is one of our own pages.
 *
 * @param c the request that the page answers
 */
export const PostForm: FC<
  { c: Context; action: string; class?: string; label?: string; children?: Child }
> = ({ c, action, class: className, label, children }) => (
  <form method="post" action={action} class={className} aria-label={label}>
    {csrfToken(c) !== "" && <input type="hidden" name={csrfField} value={csrfToken(c)} />}
    {children}
  </form>
);

/** What a session has to send back with a change; empty where there is no session. */
export function csrfToken(c: Context): string {
  return c.get("caller")?.csrfToken ?? "";
}

/** Who asks, for timelines. */
export function actorOf(c: Context): string {
  const caller = c.get("caller");
  return caller?.name ? caller.actor : "dashboard";
}

/** A form's fields that are texts; the last one counts where a name comes twice. */
export async function readForm(c: Context): Promise<Record<string, string | undefined>> {
  const fields: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(await c.req.parseBody())) {
    if (typeof value === "string") fields[name] = value.trim();
  }
  return fields;
}
