/**
 * Money that went back twice: what nobody has decided about, and saying how it came out.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  type ListedGivenTwice,
  listGivenTwice,
  readGivenTwice,
} from "../../db/refunds/given_twice.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import {
  type GivenTwiceEnd,
  givenTwiceEndNames,
  givenTwiceEnds,
} from "../../domain/refund/given_twice.ts";
import { dismissGivenTwice } from "../../services/refunds/dismiss_given_twice.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { PostForm } from "./form.tsx";
import { formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { MoneyBackTable } from "./money_back.tsx";
import { Empty, Notice, Pager } from "./parts.tsx";
import { idOf, pageSize, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const home = "/dashboard/given-twice";
const title = "Money given back twice";

/** `GET /dashboard/given-twice`, and the forms of its rows, each with a question before it. */
export function givenTwicePageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;

  app.get("/given-twice", async (c) => {
    const found = await need(listGivenTwice(db, pageSize + 1));
    const shown = found.slice(0, pageSize);
    return page(
      c,
      { title, nav: "/dashboard/refunds" },
      (
        <>
          <PageHead
            title={title}
            crumb={["/dashboard/refunds", "Refunds"]}
            note="By hand and by its provider, or by a refund and a chargeback that was lost: get one of both back; the oldest first"
          />
          {said(c, "done") === "dismissed" && (
            <Notice tone="good" title="Dismissed">It stands on the order's timeline.</Notice>
          )}
          {said(c, "done") === "before" && (
            <Notice tone="warn" title="It was dismissed before">
              Nothing has changed: how it came out stands on the order's timeline.
            </Notice>
          )}
          {shown.length === 0 ? <Empty title="No money waits to be got back" /> : (
            <MoneyBackTable
              label={title}
              rows={shown}
              since="Found"
              form={(one) => <DismissForm c={c} of={one} />}
            />
          )}
          <Pager
            shown={found.length > pageSize
              ? `The oldest ${pageSize}; the next ones follow when these are dismissed`
              : ""}
          />
        </>
      ),
    );
  });

  app.post("/given-twice/:id{[0-9]{1,15}}/dismiss", async (c) => {
    const form = await readForm(c);
    const id = idOf(c);
    const endedAs = endOf(form.reason);
    const known = isConfirmed(form) ? undefined : await need(readGivenTwice(db, id));
    if (known?.endedAs === null) return await askBefore(c, known, endedAs);
    const { changed } = await dismissGivenTwice(
      deps,
      { id, endedAs, note: form.note ?? null },
      operatorOf(c, deps.config),
    );
    return c.redirect(`${home}?done=${changed ? "dismissed" : "before"}`, 303);
  });

  return app;
}

/** @throws {WorkflowError} `invalid` */
function endOf(text: string | undefined): GivenTwiceEnd {
  const end = givenTwiceEndNames.find((name) => name === text);
  if (end !== undefined) return end;
  throw new WorkflowError("invalid", `The reason must be one of ${givenTwiceEndNames.join(", ")}`);
}

function askBefore(
  c: Context,
  { id, externalOrderId, recipientName, amountCents, currency, provider, providerRef }:
    ListedGivenTwice,
  endedAs: GivenTwiceEnd,
): Response | Promise<Response> {
  const money = formatMoney(amountCents, currency);
  return askFirst(c, {
    title: `Dismiss ${money} that ${recipientName} got twice?`,
    note: `Order ${externalOrderId}, paid by ${provider} ${providerRef}`,
    says:
      `Nothing is booked by it: you say that ${givenTwiceEnds[endedAs]}, nobody is reminded of ` +
      "it any more, and the audit log and the order's timeline say so.",
    nav: "/dashboard/refunds",
    action: `${home}/${id}/dismiss`,
    verb: `Dismiss ${money}`,
    asks: { name: "note", label: "A reference, for the timeline", max: orderLimits.textLength },
    fields: { reason: endedAs },
    crumb: [home, title],
    keep: "Decide later",
  });
}

const DismissForm: FC<{ c: Context; of: ListedGivenTwice }> = ({ c, of: { id } }) => (
  <PostForm c={c} action={`${home}/${id}/dismiss`} class="stack-form">
    <div class="field">
      <label for={`reason-${id}`}>How it came out</label>
      <select id={`reason-${id}`} name="reason">
        {givenTwiceEndNames.map((name) => (
          <option key={name} value={name}>{givenTwiceEnds[name]}</option>
        ))}
      </select>
    </div>
    <button type="submit">Dismiss…</button>
  </PostForm>
);
