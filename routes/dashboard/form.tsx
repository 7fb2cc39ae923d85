/**
 * Forms that change something.
 *
 * @module
 */

import type { Context } from "hono";
import type { Child, FC } from "hono/jsx";
import { isAllowed } from "../../domain/operation/api_token.ts";
import { foreignFault } from "../../domain/order/bringer.ts";
import { cancelsOnly } from "../middleware/caller.ts";
import { neededScopes } from "../middleware/access.ts";
import { csrfField } from "../middleware/session.ts";

/**
 * A form that is sent by POST, with what proves that it is one of our own pages. Whoever may not send it is told
 * which scope that needs.
 *
 * @param c the request that the page answers
 */
export const PostForm: FC<
  { c: Context; action: string; class?: string; label?: string; children?: Child }
> = ({ c, action, class: className, label, children }) => {
  const missing = missingScopes(c, action);
  if (missing !== undefined) return <ScopeNeeded missing={missing} class={className} />;
  return (
    <form method="post" action={action} class={className} aria-label={label}>
      <CsrfField c={c} />
      {children}
    </form>
  );
};

/** Stands in the place of a form that whoever looks at the page may not send. */
export const ScopeNeeded: FC<{ missing: string; class?: string }> = (
  { missing, class: className = "" },
) => <p class={`${className} muted small`}>To change this needs the scope {missing}</p>;

/** The scopes that whoever asks lacks to send something by POST; undefined where nothing is lacking. */
export function missingScopes(c: Context, action: string): string | undefined {
  const needed = neededScopes("POST", action);
  if (needed === "nothing" || isAllowed(c.get("caller")?.scopes ?? [], needed)) return undefined;
  return needed.join(" or ");
}

/**
 * False where only the bringer of something may cancel it, and that is another.
 *
 * @param what it is, with its id
 */
export function mayCancel(c: Context, bringer: string | null, what: string): boolean {
  const caller = c.get("caller");
  return !caller.scopes.includes("orders") ||
    foreignFault(cancelsOnly(caller), bringer, what) === undefined;
}

/** The first field of a form in a session; nothing where there is none. */
export const CsrfField: FC<{ c: Context }> = ({ c }) =>
  csrfToken(c) === "" ? null : <input type="hidden" name={csrfField} value={csrfToken(c)} />;

/** What a session has to send back with a change; empty where there is no session. */
export function csrfToken(c: Context): string {
  return c.get("caller")?.csrfToken ?? "";
}

/** Fields of which nobody types anything, such as what a question repeats; those without a value are left out. */
export const HiddenFields: FC<
  { fields: Readonly<Record<string, string | number | null | undefined>> }
> = ({ fields }) => (
  <>
    {Object.entries(fields).map(([name, value]) =>
      value !== null && value !== undefined &&
      <input key={name} type="hidden" name={name} value={String(value)} />
    )}
  </>
);

/** Who asks, for timelines. */
export function actorOf(c: Context): string {
  const caller = c.get("caller");
  return caller?.name ? caller.actor : "dashboard";
}

/** A box to choose a row by, or without a value all rows of the page; on phones a finger has all of its cell. */
export const Pick: FC<{ name: string; value?: number; label: string }> = (
  { name, value, label },
) => (
  <label class="pick">
    {value === undefined
      ? <input type="checkbox" data-all={name} aria-label={label} />
      : <input type="checkbox" name={name} value={String(value)} aria-label={label} />}
  </label>
);
