/**
 * What an order holds, as parts of its page.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { toIsoTime } from "../../db/connection/database.ts";
import type { OrderDetail, OrderPayment, SourcePayment } from "../../db/orders/order_queries.ts";
import { adjustmentName } from "../../domain/order/adjustment.ts";
import { writtenOut } from "../../domain/refund/refund_items.ts";
import { asShown, counted, formatCount, formatMoney } from "./format.ts";
import { Badge, Columns, linkTo, Money, None, Status, Table, Time } from "./parts.tsx";

/** Most items that are listed: an order of 100,000 would be a page of 20 MB. */
const maxItems = 200;

/** Items that are shown at once: further ones would push what became of the order out of sight. */
const shownItems = 10;

/** Its items, of many the first ones. */
export const Items: FC<{ order: OrderDetail }> = ({ order }) => {
  const items = order.items.slice(0, maxItems);
  // One or two are shown rather than hidden.
  const isLong = items.length > shownItems + 2;
  const rest = isLong ? items.slice(shownItems) : [];
  const unlisted = order.items.length - items.length;
  return (
    <>
      <ItemTable
        label="Items"
        items={isLong ? items.slice(0, shownItems) : items}
        currency={order.currency}
      />
      {rest.length > 0 && (
        <details class="more">
          <summary>{formatCount(rest.length)} more items</summary>
          <ItemTable label="Further items" items={rest} currency={order.currency} />
          {unlisted > 0 && (
            <p class="muted small">
              {formatCount(unlisted)} more: by GET /orders/{order.id}
            </p>
          )}
        </details>
      )}
    </>
  );
};

const ItemTable: FC<{ label: string; items: OrderDetail["items"]; currency: string }> = (
  { label, items, currency },
) => (
  <Table label={label}>
    <Columns names={["Product", { right: "Price" }, { right: "Units" }, { right: "Subtotal" }]} />
    <tbody>
      {items.map((item, index) => (
        <tr key={index}>
          <td>
            {item.name}
            <div class="small">
              <a href={linkTo("/dashboard/products", { q: item.sku })}>{item.sku}</a>
            </div>
          </td>
          <td class="right">
            <Money cents={item.unitPriceCents} currency={currency} />
          </td>
          <td class="right">{formatCount(item.qty)}</td>
          <td class="right">
            <Money cents={item.subtotalCents} currency={currency} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

/** What its total is made of: the items, what there is besides, and what of it went back. */
export const Sum: FC<{ order: OrderDetail }> = ({ order }) => {
  const { adjustments, currency, refundedCents } = order;
  return (
    <dl class="sum">
      {adjustments.length > 0 && (
        <SumLine name="Items" cents={order.itemsCents} currency={currency} />
      )}
      {adjustments.filter(({ included }) =>
        !included
      ).map((one) => (
        <SumLine
          key={one.id}
          name={adjustmentName(one)}
          cents={one.amountCents}
          currency={currency}
        />
      ))}
      <SumLine name="Total" cents={order.totalCents} currency={currency} look="whole" />
      {adjustments.filter(({ included }) => included).map((one) => (
        <SumLine
          key={one.id}
          name={`${adjustmentName(one)}, included`}
          cents={one.amountCents}
          currency={currency}
          look="beside"
        />
      ))}
      {refundedCents > 0 && <SumLine name="Refunded" cents={-refundedCents} currency={currency} />}
      {order.chargebacks.map(({ id, heldCents, lostCents, currency }) =>
        heldCents + lostCents === 0 ? null : (
          <SumLine
            key={id}
            name={heldCents > 0 ? "Withheld by a chargeback" : "Lost by a chargeback"}
            cents={-(heldCents + lostCents)}
            currency={currency}
          />
        )
      )}
    </dl>
  );
};

const SumLine: FC<
  { name: string; cents: number; currency: string; look?: "whole" | "beside" }
> = ({ name, cents, currency, look }) => (
  <div class={look}>
    <dt>{name}</dt>
    <dd>
      <Money cents={cents} currency={currency} />
    </dd>
  </div>
);

/** What it ran short of; nothing where it did not. */
export const Shortages: FC<{ order: OrderDetail }> = ({ order: { shortages } }) =>
  shortages.length === 0 ? null : (
    <section class="card" aria-labelledby="shortages-heading">
      <h2 id="shortages-heading">
        {shortages.some(({ isWaiting }) => isWaiting) ? "Waits for stock" : "Ran short of"}
      </h2>
      <dl class="facts">
        {shortages.map(({ sku, name, missingQty }) => (
          <>
            <dt key={sku}>
              <a href={linkTo("/dashboard/products", { q: sku })}>{sku}</a>
            </dt>
            <dd>
              {formatCount(missingQty)} missing <span class="muted small">{name}</span>
            </dd>
          </>
        ))}
      </dl>
    </section>
  );

/** Who ordered, and where the messages go. */
export const Customer: FC<{ order: OrderDetail }> = (
  { order: { customer, recipient, language, placedAt } },
) => (
  <>
    <h2>Customer</h2>
    <dl class="facts">
      <dt>Name</dt>
      <dd>{recipient.name}</dd>
      <dt>E-mail</dt>
      <dd>{recipient.email ?? <span class="muted">None was given: no e-mail is sent</span>}</dd>
      <dt>Id</dt>
      <dd>
        {customer.externalId === null
          ? <Guest email={recipient.email} />
          : (
            <a href={linkTo("/dashboard/orders", { q: customer.externalId })}>
              {customer.externalId}
            </a>
          )}
      </dd>
      {language !== null && (
        <>
          <dt>Language</dt>
          <dd>{language}</dd>
        </>
      )}
      <dt>Placed</dt>
      <dd>
        <Time at={placedAt} />
      </dd>
      <dt>Data</dt>
      <dd>
        <a href={`/dashboard/customers/${customer.id}`}>What is kept of this person</a>
      </dd>
    </dl>
  </>
);

/** In the place of an id; with an address it leads to what else was ordered with it. */
const Guest: FC<{ email: string | null }> = ({ email }) => (
  <>
    <Badge tone="plain">Guest</Badge>
    {email !== null && (
      <>
        {" "}
        <a class="small" href={linkTo("/dashboard/orders", { q: email })}>orders by this e-mail</a>
      </>
    )}
  </>
);

/** What was paid at the source, and what the provider took. */
export const Payment: FC<{ order: OrderDetail }> = ({ order }) => {
  const { payment, furtherPayments, sourcePayment, paymentStatus, status, hold } = order;
  const isTheSame = sourcePayment !== null && payment?.provider === sourcePayment.provider &&
    payment.providerRef === sourcePayment.reference;
  return (
    <>
      <h2>Payment</h2>
      {sourcePayment !== null && !isTheSame && (
        <SourceFacts
          order={order}
          payment={sourcePayment}
        />
      )}
      {payment !== null && sourcePayment !== null && !isTheSame && <h3>In the books</h3>}
      {payment !== null && <PaymentFacts payment={payment} atSource={isTheSame} />}
      {payment === null && sourcePayment === null && (
        <p class="muted">
          {paymentStatus === "none"
            ? "There is nothing to pay"
            : paymentStatus === "paid"
            ? "Paid at its source"
            : status === "PENDING"
            ? "Asked for once the stock is reserved"
            : status === "RESERVED"
            ? (hold?.status === "HELD"
              ? "Held, and not taken yet"
              : "The provider has not answered yet")
            : "None was taken"}
        </p>
      )}
      <Held order={order} />
      <PaidWith order={order} />
      {furtherPayments.map((further) => (
        <section key={further.id} aria-label="Further payment">
          <h3>Taken besides</h3>
          <PaymentFacts payment={further} />
        </section>
      ))}
    </>
  );
};

/** What the provider holds for it, while it is neither taken nor let go. */
const Held: FC<{ order: OrderDetail }> = ({ order: { hold } }) =>
  hold?.status !== "HELD" ? null : (
    <dl class="facts">
      <dt>Held</dt>
      <dd>
        <Money cents={hold.amountCents} currency={hold.currency} /> <code>{hold.providerRef}</code>
      </dd>
      <dt>Until</dt>
      <dd>
        <Time at={hold.expiresAt} />
      </dd>
      {hold.captureRequestedAt !== null && (
        <>
          <dt>Capture asked for</dt>
          <dd>
            <Time at={hold.captureRequestedAt} />
          </dd>
        </>
      )}
    </dl>
  );

/** What it is to be paid with, and what the customer has to do. */
const PaidWith: FC<{ order: OrderDetail }> = ({ order: { instructions, action } }) => (
  <>
    {action !== null && (
      <p>
        The provider waits for the customer
        {action.expiresAt !== null && (
          <>
            {" "}until <Time at={action.expiresAt} seconds />
          </>
        )}
        {action.url !== null && (
          <>
            : <a href={action.url} rel="noreferrer">the customer's link</a>
          </>
        )}
      </p>
    )}
    {instructions !== null && (
      <dl class="facts">
        {([
          ["Method", instructions.methodType],
          ["Token", instructions.method],
          ["Customer there", instructions.customer],
          ["Description", instructions.description],
          ...Object.entries(instructions.metadata ?? {}),
        ] as const).filter(([, value]) => value !== null).map(([name, value]) => (
          <>
            <dt>{asShown(name)}</dt>
            <dd>{asShown(value!)}</dd>
          </>
        ))}
      </dl>
    )}
  </>
);

/** Of a payment that the database does not have yet, or not any more. */
const SourceFacts: FC<{ order: OrderDetail; payment: SourcePayment }> = (
  { order: { totalCents, currency }, payment: { provider, reference, paidAt } },
) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <Badge tone="good">Paid at its source</Badge>
    </dd>
    <dt>Amount</dt>
    <dd>{formatMoney(totalCents, currency)}</dd>
    <dt>Provider</dt>
    <dd>{provider}</dd>
    <dt>Reference</dt>
    <dd>
      <code>{reference}</code>
    </dd>
    <dt>Paid</dt>
    <dd>
      <Time at={paidAt} />
    </dd>
  </dl>
);

const PaymentFacts: FC<{ payment: OrderPayment; atSource?: boolean }> = (
  { payment, atSource },
) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <Status of={payment.status} />
      {atSource && (
        <>
          {" "}
          <span class="muted">at its source</span>
        </>
      )}
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
          {counted(units, "unit")}{" "}
          {refund.status === "PROCESSED" ? "back in stock" : "to go back into stock"}
        </div>
      )}
    </div>
  );
};
