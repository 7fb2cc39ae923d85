/**
 * What was tried to move an order's money, and what the provider said.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { OrderDetail } from "../../db/orders/order_queries.ts";
import type { TryKind, TryOutcome } from "../../domain/payment/payment_try.ts";
import { asShown } from "./format.ts";
import { Badge, Columns, Money, Table, Time } from "./parts.tsx";

const kindNames: Readonly<Record<TryKind, string>> = {
  charge: "Charge",
  capture: "Capture",
  refund: "Refund",
  look_up: "Looked up",
  callback: "Told by itself",
};

const outcomes: Readonly<Record<TryOutcome, [name: string, tone: "good" | "bad" | "plain"]>> = {
  succeeded: ["Succeeded", "good"],
  authorized: ["Held", "plain"],
  pending: ["Not decided yet", "plain"],
  needs_customer: ["Waits for the customer", "plain"],
  declined: ["Declined", "bad"],
  later: ["No answer", "bad"],
  never: ["Refused", "bad"],
  denied: ["Serves nobody", "bad"],
  unclear: ["Can't be used", "bad"],
};

/** What was tried; nothing where there is nothing to tell. */
export const Attempts: FC<{ order: OrderDetail }> = ({ order: { attempts } }) =>
  attempts.length === 0 ? null : (
    <section aria-labelledby="attempts-heading">
      <h2 id="attempts-heading" class="heading">Tries at the provider</h2>
      <Table label="Tries at the provider">
        <Columns names={["At", "What", "Answer", { wide: "Provider" }, { right: "Amount" }]} />
        <tbody>
          {attempts.map((attempt, index) => (
            <tr key={index}>
              <td>
                <Time at={attempt.firstAt} seconds />
              </td>
              <td>{kindNames[attempt.kind]}</td>
              <td>
                <Answer attempt={attempt} />
              </td>
              <td class="wide">
                {attempt.provider}
                {attempt.providerRef !== null && (
                  <div class="small">
                    <code>{asShown(attempt.providerRef)}</code>
                  </div>
                )}
              </td>
              <td class="right">
                <Money cents={attempt.amountCents} currency={attempt.currency} />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );

const Answer: FC<{ attempt: OrderDetail["attempts"][number] }> = ({ attempt }) => {
  const [name, tone] = outcomes[attempt.outcome];
  return (
    <>
      <Badge tone={tone}>{name}</Badge>
      {attempt.times > 1 && (
        <span class="small muted">
          {" "}
          {attempt.times} times, at last <Time at={attempt.lastAt} seconds />
        </span>
      )}
      {attempt.says !== null && <div class="small muted">{asShown(attempt.says)}</div>}
    </>
  );
};
