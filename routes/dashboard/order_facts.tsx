/**
 * What an order holds, as parts of its page.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { toIsoTime } from "../../db/connection/database.ts";
import type { OrderDetail, OrderPayment } from "../../db/orders/order_queries.ts";
import { writtenOut } from "../../domain/refund/refund_items.ts";
import { formatCount, formatMoney } from "./format.ts";
import { Columns, linkTo, Money, None, Status, Table, Time } from "./parts.tsx";

/** Its items and what they come to. */
export const Items: FC<{ order: OrderDetail }> = ({ order }) => (
  <Table label="Items">
    <Columns names={["Product", { right: "Price" }, { right: "Units" }, { right: "Subtotal" }]} />
    <tbody>
      {order.items.map((item, index) => (
        <tr key={index}>
          <td>
            {item.name}
            <div class="small">
              <a href={linkTo("/dashboard/products", { q: item.sku })}>{item.sku}</a>
            </div>
          </td>
          <td class="right">
            <Money cents={item.unitPriceCents} currency={order.currency} />
          </td>
          <td class="right">{formatCount(item.qty)}</td>
          <td class="right">
            <Money cents={item.subtotalCents} currency={order.currency} />
          </td>
        </tr>
      ))}
    </tbody>
    <tfoot>
      {order.adjustments.map((adjustment, index) => (
        <tr key={index}>
          <th scope="row" colspan={3}>{adjustment.label}</th>
          <td class="right">
            <Money cents={adjustment.amountCents} currency={order.currency} />
          </td>
        </tr>
      ))}
      <tr>
        <th scope="row" colspan={3}>Total</th>
        <td class="right">
          <Money cents={order.totalCents} currency={order.currency} />
        </td>
      </tr>
    </tfoot>
  </Table>
);

/** Who ordered, and where the messages go. */
export const Customer: FC<{ order: OrderDetail }> = (
  { order: { customer, recipient, placedAt } },
) => (
  <>
    <h2>Customer</h2>
    <dl class="facts">
      <dt>Name</dt>
      <dd>{recipient.name}</dd>
      <dt>E-mail</dt>
      <dd>{recipient.email}</dd>
      <dt>Id</dt>
      <dd>
        <a href={linkTo("/dashboard/orders", { q: customer.externalId })}>{customer.externalId}</a>
      </dd>
      <dt>Placed</dt>
      <dd>
        <Time at={placedAt} />
      </dd>
    </dl>
  </>
);

/** What the provider took. */
export const Payment: FC<{ order: OrderDetail }> = (
  { order: { payment, furtherPayments, status } },
) => (
  <>
    <h2>Payment</h2>
    {payment === null
      ? (
        <p class="muted">
          {status === "PENDING"
            ? "Asked for once the stock is reserved"
            : status === "RESERVED"
            ? "The provider has not answered yet"
            : "None was taken"}
        </p>
      )
      : <PaymentFacts payment={payment} />}
    {furtherPayments.map((further) => (
      <section key={further.id} aria-label="Further payment">
        <h3>Taken besides</h3>
        <PaymentFacts payment={further} />
      </section>
    ))}
  </>
);

const PaymentFacts: FC<{ payment: OrderPayment }> = ({ payment }) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <Status of={payment.status} />
    </dd>
    <dt>Amount</dt>
    <dd>{formatMoney(payment.amountCents, payment.currency)}</dd>
    <dt>Provider</dt>
    <dd>{payment.provider}</dd>
    <dt>Reference</dt>
    <dd>
      <code>{payment.providerRef}</code>
    </dd>
    <dt>Paid</dt>
    <dd>
      <Time at={payment.paidAt} />
    </dd>
  </dl>
);

/** Its refunds; nothing where there are none. */
export const Refunds: FC<{ order: OrderDetail }> = ({ order: { refunds, currency } }) =>
  refunds.length === 0 ? null : (
    <section aria-labelledby="refunds-heading">
      <h2 id="refunds-heading" class="heading">Refunds</h2>
      <Table label="Refunds">
        <Columns
          names={["Refund", "State", "Reason", { wide: "Requested" }, { right: "Amount" }]}
        />
        <tbody>
          {refunds.map((refund) => (
            <tr key={refund.id}>
              <th scope="row">#{refund.id}</th>
              <td>
                <Status of={refund.status} />
                {refund.byHand && <div class="before">by hand</div>}
              </td>
              <td>
                {refund.failureReason ?? refund.reason ?? (refund.itemized ? null : <None />)}
                {refund.itemized && <RefundParts refund={refund} currency={currency} />}
              </td>
              <td class="wide">
                <Time at={toIsoTime(refund.createdAt)} />
              </td>
              <td class="right">
                <Money cents={refund.amountCents} currency={currency} />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );

/** What a refund is for, and what became of its units. */
const RefundParts: FC<{ refund: OrderDetail["refunds"][number]; currency: string }> = (
  { refund, currency },
) => {
  const units = refund.lines.reduce((sum, { qty, restock }) => restock ? sum + qty : sum, 0);
  return (
    <div class="small muted">
      {writtenOut(refund, currency)}
      {units > 0 && refund.status !== "FAILED" && (
        <div>
          {formatCount(units)} {units === 1 ? "unit" : "units"}{" "}
          {refund.status === "PROCESSED" ? "back in stock" : "to go back into stock"}
        </div>
      )}
    </div>
  );
};
