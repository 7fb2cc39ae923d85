/**
 * What each type of problem means and what to do about it, as pages: the `type` of a problem is the address of its page.
 *
 * @module
 */

import { Hono } from "hono";
import { html } from "hono/html";
import { takesAnyQuery } from "../../middleware/known_query.ts";
import { type ProblemCode, problemName, problemTypes } from "../../middleware/problem.ts";

/** What a type means, and what whoever gets it can do. */
interface Explained {
  means: string;
  remedy: string;
}

/** Every type of problem that has a name of its own. The compiler demands each. */
const explained: Readonly<Record<ProblemCode, Explained>> = {
  bad_request: {
    means:
      "A parameter, header or form is faulty, a query parameter is not known, or the body is no JSON.",
    remedy: "Mend what errors names and send it again. Nothing was changed.",
  },
  not_found: {
    means: "There is no such order, refund, product, import or other thing.",
    remedy:
      "Look whether the id is one of this database, and not the shop's own: GET /orders?external_order_id= finds that.",
  },
  not_yours: {
    means: "Another token has brought the order or import.",
    remedy:
      "Use the token that brought it, or one with the scope cancel; taking it up again needs admin.",
  },
  order_conflict: {
    means:
      "The external_order_id is known with another content, or the order names a payment that another order has.",
    remedy:
      "Look the known order up. To change it, send PUT /orders/{id} with its ETag; an order of its own needs another id.",
  },
  product_conflict: {
    means: "The SKU is known with another name, price or first units.",
    remedy: "Look the product up. Its units are changed by PUT /products/{sku}/stock.",
  },
  stock_changed: {
    means: "The product is not as it was with the ETag in If-Match.",
    remedy: "Get the product again, decide anew, and send the change with the new ETag.",
  },
  stock_file_applied: {
    means: "Units of a file of this content were added before.",
    remedy: "Nothing, if it was sent twice by mistake; again=true adds the units once more.",
  },
  charge_not_known: {
    means: "Of a provider's callback: no order was charged under its key, or its row was lost.",
    remedy: "Send the callback again later, under the same webhook-id.",
  },
  customer_not_erasable: {
    means:
      "Something of the customer is not over yet: orders, refunds, money or messages that wait.",
    remedy: "End what errors names one by one, then send the DELETE again. Nothing was erased.",
  },
  order_not_cancellable: {
    means: "The order is settled already.",
    remedy: "Refund it instead, if it is PAID: POST /orders/{id}/refunds.",
  },
  order_not_capturable: {
    means:
      "No money is held for the order, or no more: it was taken at once, let go, or is not held yet.",
    remedy: "Look at its status and authorization.",
  },
  capture_not_total: {
    means: "An order is paid by one payment of its total, and this is another amount.",
    remedy:
      "Change the order with PUT /orders/{id} first: then the new total is held, and can be captured.",
  },
  order_not_editable: {
    means: "The order is settled already, or its payment stands in the way.",
    remedy:
      "The detail tells the way out: a refund by lines, or an order of its own for what comes on top.",
  },
  stock_insufficient: {
    means: "A reserved order would need more units than there are; errors names every short item.",
    remedy: "Ask for fewer units, or add some: PUT /products/{sku}/stock.",
  },
  precondition_failed: {
    means: "The order was changed since the ETag in If-Match.",
    remedy: "Get the order again, decide anew, and send the change with the new ETag.",
  },
  precondition_required: {
    means: "If-Match is missing, so that somebody's change could be undone unseen.",
    remedy: "Send the ETag that GET answers with as If-Match.",
  },
  order_not_refundable: {
    means: "The order is not PAID, or nothing is left of it to refund.",
    remedy: "Look at its status and refunded_cents; an order that is not settled can be cancelled.",
  },
  order_not_retryable: {
    means: "The order did not fail for want of stock, or its money goes back.",
    remedy: "Place it as a new order under an id of its own.",
  },
  refund_exceeds_left: {
    means: "The amount, the units of a line or a part of an adjustment is more than what is left.",
    remedy: "Ask for less, or without an amount for all that is left.",
  },
  refund_not_by_hand: {
    means: "No person has to give this money back: its provider does, or it is decided already.",
    remedy: "Look the refund up; nothing is to be done.",
  },
  payment_not_disputed: {
    means: "No payment of the order waits for this decision.",
    remedy: "Look the order up: somebody may have decided before.",
  },
  chargeback_not_decidable: {
    means:
      "The chargeback ended otherwise before, or its provider is configured and tells how it ends.",
    remedy: "Look the chargeback up; what its provider or a report says later still counts.",
  },
  reconciliation_conflict: {
    means:
      "The report is running, is being taken back, is mended, or somebody else has to approve it as it is by now.",
    remedy:
      "Look it up: its state and error say which; what is being mended is open among its discrepancies.",
  },
  discrepancy_not_mendable: {
    means:
      "The discrepancy is over, is mended in another way, or somebody else has to approve what this one proposed.",
    remedy: "Look it up: it says which actions there are, and what became of it.",
  },
  dead_letter_decided: {
    means: "Somebody decided otherwise about the dead letter before.",
    remedy: "Look it up; nothing is to be done.",
  },
  dead_letter_not_retryable: {
    means: "Nobody understands the message.",
    remedy: "Discard it. What it was about is published again from the database.",
  },
  verification_running: {
    means: "Another verification is running.",
    remedy: "Wait for its end: GET /verification.",
  },
  import_has_no_rejects: {
    means: "The import is not done, or was a command's, which writes its own file.",
    remedy: "Wait until it is DONE: GET /imports/{id}.",
  },
  import_not_cancellable: {
    means: "The import has ended already.",
    remedy: "Nothing: what it took stays. Single orders can be cancelled until they are settled.",
  },
  webhook_endpoint_conflict: {
    means:
      "Another endpoint has this URL, there are as many as there may be, the secret before its own still signs, or it is switched off.",
    remedy:
      "The detail says which: change the endpoint that there is, remove one, or wait until the secret before signs no more, which `overlap_seconds` 0 makes at once.",
  },
  notification_not_replayable: {
    means: "The notification was only written to the log, or is being sent at this moment.",
    remedy: "Try again once its try has ended.",
  },
  channel_not_configured: {
    means: "There is no address of webhooks in the settings that could be switched on.",
    remedy: "Set NOTIFY_WEBHOOK_URL, and start the processes anew.",
  },
  idempotency_key_in_use: {
    means: "A request under this Idempotency-Key is still running.",
    remedy:
      "Send it again under the same key after Retry-After seconds: it then gets the first answer.",
  },
  idempotency_key_reused: {
    means: "The Idempotency-Key belongs to another request of the last 24 hours.",
    remedy: "Send this request under a key of its own.",
  },
  invalid: {
    means: "The body or file is not valid; errors names every faulty field.",
    remedy: "Mend what errors names and send it again. Nothing was changed.",
  },
  unavailable: {
    means: "An engine is away, or too much is waiting.",
    remedy:
      "Send it again after Retry-After seconds, under the same Idempotency-Key. Where a change was begun, it may have been made.",
  },
};

/** `GET /problems` and `GET /problems/{name}`; both are open, they tell nothing of anybody's orders. */
export function problemPageRoutes(): Hono {
  const app = new Hono();
  const types = problemTypes();
  app.get("/problems", takesAnyQuery(), (c) =>
    c.html(page(
      "Problems",
      html`
        <p>Every error of the API is an <code>application/problem+json</code> document (RFC 9457). Its
                <code>type</code> is one of these, or <code>about:blank</code> where the status says it all.</p>
        <ul>${types.map(({ type, status, title }) =>
          html`<li><a href="${type}">${problemName(type)}</a> (${status}): ${title}</li>`
        )}</ul>
      `,
    )));
  app.get("/problems/:name", takesAnyQuery(), (c) => {
    const found = types.find(({ type }) => problemName(type) === c.req.param("name"));
    if (found === undefined) return c.notFound();
    const { means, remedy } = explained[found.code];
    return c.html(page(
      found.title,
      html`
        <p><code>${problemName(found.type)}</code>, status ${found.status}</p>
        <h2>What it means</h2>
        <p>${means}</p>
        <h2>What to do</h2>
        <p>${remedy}</p>
        <p><a href="/problems">All problems</a></p>
      `,
    ));
  });
  return app;
}

function page(title: string, body: unknown) {
  return html`<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · Orders API</title>
  </head>
  <body>
    <h1>${title}</h1>
    ${body}
  </body>
</html>`;
}
