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
    <CsrfField c={c} />
    {children}
  </form>
);

/** The first field of a form in a session; nothing where there is none. */
export const CsrfField: FC<{ c: Context }> = ({ c }) =>
  csrfToken(c) === "" ? null : <input type="hidden" name={csrfField} value={csrfToken(c)} />;

/** What a session has to send back with a change; empty where there is no session. */
export function csrfToken(c: Context): string {
  return c.get("caller")?.csrfToken ?? "";
}

/** Who asks, for timelines. */
export function actorOf(c: Context): string {
  const caller = c.get("caller");
  return caller?.name ? caller.actor : "dashboard";
}
