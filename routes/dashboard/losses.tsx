/**
 * What the database has lost, and saying that it is reconciled.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import type { Queryable } from "../../db/connection/database.ts";
import { listLosses, listLost, readLoss } from "../../db/recovery/database_losses.ts";
import { type RecordedLoss, tellLoss } from "../../domain/operation/database_age.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { reconcileLoss } from "../../services/operation/reconcile_loss.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { PostForm } from "./form.tsx";
import { formatCount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Empty, Notice, Time } from "./parts.tsx";
import { idOf, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const home = "/dashboard/losses";
const title = "What the database lost";

/** Losses that are shown, the latest. */
const shown = 50;

/** Numbers of a loss that are shown; the command lists all. */
const numbersShown = 100;

/** A loss with the numbers that it took. */
interface NamedLoss extends RecordedLoss {
  orders: number[];
  refunds: number[];
  chargebacks: number[];
}

/** `GET /dashboard/losses`, and the form of each that is open, with a question before it. */
export function lossPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;

  app.get("/losses", async (c) => {
    const losses = await need(readNamed(db));
    return page(
      c,
      { title, nav: "/dashboard" },
      (
        <>
          <PageHead
            title={title}
            crumb={["/dashboard", "Overview"]}
            note="Acknowledged, and then gone with a server or a dump; nothing of it was given to another order"
          />
          {said(c, "done") === "reconciled" && (
            <Notice tone="good" title="Reconciled">The audit log says by whom.</Notice>
          )}
          {said(c, "done") === "before" && (
            <Notice tone="warn" title="It was reconciled before">Nothing has changed.</Notice>
          )}
          {losses.length === 0
            ? <Empty title="Nothing was ever lost" />
            : losses.map((loss) => <OneLoss key={loss.id} c={c} of={loss} />)}
        </>
      ),
    );
  });

  app.post("/losses/:id{[0-9]{1,15}}/reconcile", async (c) => {
    const form = await readForm(c);
    const id = idOf(c);
    const known = isConfirmed(form) ? undefined : await need(readLoss(db, id));
    if (known?.reconciledAt === null) return await askBefore(c, known);
    const { changed } = await reconcileLoss(
      deps,
      { id, note: form.note ?? null },
      operatorOf(c, deps.config),
    );
    return c.redirect(`${home}?done=${changed ? "reconciled" : "before"}`, 303);
  });

  return app;
}

async function readNamed(db: Queryable): Promise<NamedLoss[]> {
  const losses = await listLosses(db, shown);
  return await Promise.all(losses.map(async (loss) => ({
    ...loss,
    orders: await listLost(db, loss.id, "order", numbersShown),
    refunds: await listLost(db, loss.id, "refund", numbersShown),
    chargebacks: await listLost(db, loss.id, "chargeback", numbersShown),
  })));
}

function askBefore(c: Context, loss: RecordedLoss): Response | Promise<Response> {
  return askFirst(c, {
    title: "Is this loss reconciled?",
    note: tellLoss(loss),
    says:
      "Nothing is booked by it: you say that the orders were sent again or imported again, and that the provider's report " +
      "was held against the books. Nobody is told of the loss any more, and the audit log says so.",
    nav: "/dashboard",
    action: `${home}/${loss.id}/reconcile`,
    verb: "It is reconciled",
    asks: { name: "note", label: "How it came out", max: orderLimits.textLength },
    fields: {},
    crumb: [home, title],
    keep: "Not yet",
  });
}

const OneLoss: FC<{ c: Context; of: NamedLoss }> = ({ c, of: loss }) => (
  <section class="card" aria-label={`Loss ${loss.id}`}>
    <h2>{tellLoss(loss)}</h2>
    <dl class="facts">
      <dt>Found</dt>
      <dd>
        <Time at={loss.foundAt} />
      </dd>
      <dt>Orders</dt>
      <dd>{numbersOf(loss.orders, loss.ordersLost)}</dd>
      <dt>Refunds</dt>
      <dd>{numbersOf(loss.refunds, loss.refundsLost)}</dd>
      <dt>Chargebacks</dt>
      <dd>{numbersOf(loss.chargebacks, loss.chargebacksLost)}</dd>
      {loss.reconciledAt !== null && (
        <>
          <dt>Reconciled</dt>
          <dd>
            <Time at={loss.reconciledAt} /> by {loss.reconciledBy}:{" "}
            {loss.note ?? "nothing was said"}
          </dd>
        </>
      )}
    </dl>
    {loss.reconciledAt === null && (
      <PostForm c={c} action={`${home}/${loss.id}/reconcile`}>
        <button type="submit">Say that it is reconciled…</button>
      </PostForm>
    )}
  </section>
);

function numbersOf(named: readonly number[], all: number): string {
  if (named.length === 0) return "none";
  return `${named.join(", ")}${all > named.length ? ` … of ${formatCount(all)}` : ""}`;
}
