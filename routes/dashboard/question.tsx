/**
 * The question before something that can't be taken back, as a page of its own: it needs no script.
 *
 * @module
 */

import type { Context } from "hono";
import type { Child } from "hono/jsx";
import { onceField } from "./double_click.ts";
import { HiddenFields, PostForm } from "./form.tsx";
import { page, PageHead } from "./layout.tsx";

/** What is asked. */
export interface Question {
  /** The question itself, with amount and person: "Refund €12.50 of order web-1 to Ann?" */
  title: string;
  /** What happens then. */
  says: Child;
  /** What it is about, beside the title. */
  note?: Child;
  /** The entry of the navigation. */
  nav: string;
  /** Where the answer goes. */
  action: string;
  /** What is done, on the button. */
  verb: string;
  danger?: boolean;
  /** What the answer may say besides. */
  asks?: { name: string; label: string; max: number; required?: boolean };
  /** What the answer repeats. */
  fields?: Readonly<Record<string, string | number | null | undefined>>;
  /** Back to where nothing was done: its path, and its name. */
  crumb: [path: string, name: string];
  /** What leaves everything as it is. */
  keep: string;
}

/** The field that says yes. */
const confirmField = "confirmed";

/** True for a form that {@linkcode askFirst} has sent. */
export function isConfirmed(form: Readonly<Record<string, string | undefined>>): boolean {
  return form[confirmField] === "yes";
}

/** Answers with the question. Nothing has changed, and the page may be loaded again. */
export function askFirst(c: Context, question: Question): Response | Promise<Response> {
  const { title, says, note, nav, action, verb, danger, asks, fields = {}, crumb, keep } = question;
  return page(
    c,
    { title, nav },
    (
      <>
        <PageHead title={title} crumb={crumb} note={note} />
        <PostForm c={c} action={action} class="card stack-form">
          <p>{says}</p>
          <HiddenFields
            fields={{ [confirmField]: "yes", [onceField]: crypto.randomUUID(), ...fields }}
          />
          {asks && (
            <div class="field">
              <label for={asks.name}>{asks.label}</label>
              <input
                id={asks.name}
                name={asks.name}
                maxlength={asks.max}
                required={asks.required}
                autocomplete="off"
              />
            </div>
          )}
          <div class="actions">
            <button type="submit" class={danger ? "danger" : "primary"}>{verb}</button>
            <a class="button" href={crumb[0]}>{keep}</a>
          </div>
        </PostForm>
      </>
    ),
  );
}
