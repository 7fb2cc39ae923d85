/**
 * People: everything that is kept of one, and its end.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { z } from "zod";
import { messageOf } from "../../../domain/errors.ts";
import { refuseOtherErasureSecret } from "../../../streams/workflow/erasure_secret.ts";
import { eraseCustomer, type ErasedPerson } from "../../../services/customers/erase_customer.ts";
import { exportCustomer, exportText } from "../../../services/customers/export_customer.ts";
import type { AppDeps } from "../../deps.ts";
import { checked } from "../../middleware/checked.ts";
import { piecedBody, takeFilePlace } from "../../middleware/read_answer.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { described } from "../description/described.ts";
import { erasedPerson, exportedPerson } from "./person_examples.ts";
import { erasedAnswer, exportAnswer } from "./customer_answers.ts";

/** Characters of an id or of an address. */
const maxReference = 320;

/** Who is meant. */
const customerParam = z.object({
  id: z.string().min(1, "must not be empty")
    .max(maxReference, `must have at most ${maxReference} characters`).meta({
      description: "The shop's own id of the customer; of a guest the e-mail address",
      examples: ["c-7", "mara@example.com"],
    }),
});

const about =
  "`id` is the shop's own id of the customer, and of a guest the e-mail address; it is " +
  "never taken for an id of the database.";

/** `GET /customers/{id}` and `DELETE /customers/{id}`. */
export function customerRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  addExport(app, deps);
  addErasure(app, deps);
  return app;
}

function addExport(app: Hono, deps: AppDeps): void {
  app.get(
    "/customers/:id",
    described({
      summary: "Shows everything that is kept of a person",
      description:
        `For article 15 of the GDPR, as one document; the audit log tells of it. ${about}`,
      tag: "Customers",
      scopes: ["admin"],
      answers: {
        200: { says: "All of it", schema: exportAnswer, example: exportedPerson },
      },
      problems: ["not_found"],
    }),
    checked("param", customerParam),
    async (c) => {
      const { id: externalId } = c.req.valid("param");
      const leave = takeFilePlace(c);
      try {
        const person = await exportCustomer(deps, { externalId }, operatorOf(c, deps.config));
        return sendWhileRead(c, deps, exportText(person), leave);
      } catch (error) {
        leave();
        throw error;
      }
    },
  );
}

/** Sends pieces while they are read, so that memory does not grow with the answer. An error breaks it off. */
function sendWhileRead(
  c: Context,
  { log, stopping }: AppDeps,
  pieces: AsyncGenerator<string>,
  leave: () => void,
): Response {
  const encoder = new TextEncoder();
  const body = piecedBody({
    async next() {
      const { value, done } = await pieces.next();
      return done ? undefined : encoder.encode(value);
    },
    onBreak: (error) => log.warn("an export was broken off", { error: messageOf(error) }),
    async onEnd() {
      leave();
      await pieces.return(undefined);
    },
    stopping,
  });
  return c.body(body, 200, { "content-type": "application/json" });
}

function addErasure(app: Hono, deps: AppDeps): void {
  app.delete(
    "/customers/:id",
    described({
      summary: "Erases a person",
      description:
        `For article 17 of the GDPR: everything that names the person leaves, orders, payments and refunds ` +
        `stay for the books. Refused while an order is not settled or money is not settled, with every order that it is about. ` +
        `Again is the same answer. A file that brings the person's orders of before again does not bring the name back; ` +
        `who orders again later is a new customer. ${about}`,
      tag: "Customers",
      scopes: ["admin"],
      answers: {
        200: { says: "It is done, now or before", schema: erasedAnswer, example: erasedPerson },
      },
      problems: ["not_found", "customer_not_erasable"],
    }),
    checked("param", customerParam),
    async (c) => {
      const { id: externalId } = c.req.valid("param");
      const operator = operatorOf(c, deps.config);
      await refuseOtherErasureSecret(deps);
      return c.json(erasedJson(await eraseCustomer(deps, { externalId }, operator)));
    },
  );
}

function erasedJson({ customerId, changed, orders, erasedAt, sameEmail }: ErasedPerson) {
  return {
    customer_id: customerId,
    changed,
    orders,
    erased_at: erasedAt,
    same_email_customer_ids: sameEmail,
  };
}
