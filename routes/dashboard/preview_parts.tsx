/**
 * The parts of the page that shows what a file would do before it is taken.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import {
  type BookedOrder,
  changesPayment,
  type ImportPreview,
  type PreviewCounts,
  type PreviewOrder,
} from "../../domain/import/import_preview.ts";
import { adjustmentName } from "../../domain/order/adjustment.ts";
import type { AdjustmentKind } from "../../domain/order/adjustment.ts";
import { counted, formatCount, formatMoney } from "./format.ts";
import { MoneyTable, Reasons } from "./import_parts.tsx";
import { Badge, Columns, Figures, Money, Notice, Table, Time, type Tone } from "./parts.tsx";

/** What the file would do, from what matters most: its money, then what would become of it, then single orders. */
export const PreviewResult: FC<{ preview: ImportPreview }> = ({ preview }) => (
  <>
    <Totals of={preview.totals} />
    {preview.unused_totals.map((one) => <UnusedTotal key={one.column} of={one} />)}
    {preview.money.length > 0 && <MoneyTable money={preview.money} />}
    <Payments preview={preview} />
    <section class="card" aria-labelledby="counts-heading">
      <h2 id="counts-heading">What would become of it</h2>
      <Counts of={preview.counts} />
    </section>
    <Orders preview={preview} />
    <Warnings preview={preview} />
    {preview.reasons.length > 0 && <Reasons reasons={preview.reasons} isTrial />}
  </>
);

/** Whether the file's own totals agree: the one figure that says that its money was read rightly. */
const Totals: FC<{ of: ImportPreview["totals"] }> = (
  { of: { named, agree, largest_difference } },
) => {
  if (named === 0) {
    return (
      <Notice tone="warn" title="The file names no totals">
        Nothing in it proves that its amounts were read rightly: look at the orders below.
      </Notice>
    );
  }
  const agreement = named === 1
    ? agree === 1
      ? "The order comes to what the file says"
      : "The order does not come to what the file says"
    : `${formatCount(agree)} of ${formatCount(named)} orders come to what the file says`;
  if (largest_difference === null) return <Notice tone="good" title={agreement} />;
  const { external_order_id, currency, difference_cents } = largest_difference;
  return (
    <Notice tone={agree === named ? "good" : "bad"} title={agreement}>
      The largest difference is {formatMoney(difference_cents, currency)}, of order{" "}
      {external_order_id}.
    </Notice>
  );
};

/** A column that looks like a total, is not used, and contradicts what would be booked. */
const UnusedTotal: FC<{ of: ImportPreview["unused_totals"][number] }> = (
  { of: { column, named, agree, largest_difference: largest } },
) => (
  <Notice tone="bad" title={`${column} is not used, and says something other`}>
    {formatCount(named - agree)} of {counted(named, "order")} would be booked otherwise
    {largest !== null &&
      `; the largest difference is ${
        formatMoney(largest.difference_cents, largest.currency)
      }, of order ${largest.external_order_id}`}.
  </Notice>
);

const Payments: FC<{ preview: ImportPreview }> = ({ preview: { payments, skipped } }) => {
  if (payments.length + skipped.length === 0) return null;
  const skippedOrders = skipped.reduce((all, { orders }) => all + orders, 0);
  return (
    <section aria-labelledby="payments-heading">
      <h2 id="payments-heading" class="heading">Who pays, and what is left alone</h2>
      <Table label="Payments" stacks={2}>
        <Columns names={["What", { right: "Orders" }, { right: "Sum" }]} />
        <tbody>
          {payments.flatMap(({ currency, charged, recorded_as_paid, free }) => [
            <PaymentRow
              key={`charged ${currency}`}
              name={`Charged here, ${currency}`}
              of={charged}
              currency={currency}
            />,
            <PaymentRow
              key={`paid ${currency}`}
              name={`Recorded as paid, ${currency}`}
              of={recorded_as_paid}
              currency={currency}
            />,
            ...(free > 0
              ? [<PaymentRow key={`free ${currency}`} name="Cost nothing" of={{ orders: free }} />]
              : []),
          ])}
          {skipped.map(({ why, orders }) => (
            <PaymentRow key={why} name={`Skipped: ${why}`} of={{ orders }} />
          ))}
        </tbody>
      </Table>
      {skippedOrders > 0 && (
        <p class="pager small">
          {counted(skippedOrders, "order is", "orders are")} over and done with
        </p>
      )}
    </section>
  );
};

const PaymentRow: FC<
  { name: string; of: { orders: number; sum_cents?: number }; currency?: string }
> = ({ name, of: { orders, sum_cents }, currency }) => (
  <tr>
    <th scope="row">{name}</th>
    <td class="right" data-label="Orders">{formatCount(orders)}</td>
    <td class="right" data-label="Sum">
      {sum_cents !== undefined && currency !== undefined && (
        <Money cents={sum_cents} currency={currency} />
      )}
    </td>
  </tr>
);

const Counts: FC<{ of: PreviewCounts }> = ({ of }) => {
  const figures: [name: string, count: number][] = [
    ["Rows", of.rows],
    ["Orders", of.orders],
    ["New", of.orders_new],
    ["Changed", of.orders_updated],
    ["Unchanged", of.orders_unchanged],
    ["Skipped", of.orders_skipped],
    ["Conflicts", of.orders_conflict],
    ["Rejected orders", of.orders_rejected],
    ["Rejected rows", of.rows_rejected],
  ];
  return <Figures of={figures.map(([name, count]) => [name, formatCount(count)])} />;
};

const Orders: FC<{ preview: ImportPreview }> = ({ preview }) => {
  const first = new Set(preview.first_orders.map(({ external_order_id }) => external_order_id));
  const largest = preview.largest_orders.filter(({ external_order_id }) =>
    !first.has(external_order_id)
  );
  if (preview.first_orders.length + largest.length === 0) return null;
  return (
    <section aria-labelledby="orders-heading">
      <h2 id="orders-heading" class="heading">
        The first orders and the largest, as they would be booked
      </h2>
      <div class="cards">
        {preview.first_orders.map((order) => (
          <OrderCard key={order.external_order_id} order={order} />
        ))}
        {largest.map((order) => (
          <OrderCard
            key={order.external_order_id}
            order={order}
            isLargest
          />
        ))}
      </div>
    </section>
  );
};

const outcomeTones: Readonly<Record<string, Tone>> = {
  new: "good",
  unchanged: "plain",
  updated: "accent",
  conflict: "bad",
};

const paymentWords: Readonly<Record<PreviewOrder["payment"], string>> = {
  due: "is charged",
  paid: "is recorded as paid",
  none: "costs nothing",
};

const OrderCard: FC<{ order: PreviewOrder; isLargest?: boolean }> = ({ order, isLargest }) => {
  const { currency } = order;
  return (
    <article class="card" aria-label={`Order ${order.external_order_id}`}>
      <div class="section-head">
        <h3>{order.external_order_id}</h3>
        <span>
          {isLargest && <Badge tone="accent">largest</Badge>}{" "}
          <Badge tone={outcomeTones[order.outcome] ?? "plain"}>{order.outcome}</Badge>
        </span>
      </div>
      <p class="muted small">
        Line {formatCount(order.line)}, placed <Time at={order.placed_at} />, for{" "}
        {order.customer.name}
        {order.customer.email === null ? "" : `, ${order.customer.email}`}
        {order.customer.guest ? ", a guest" : ""}
      </p>
      <table>
        <caption class="hidden">What order {order.external_order_id} comes to</caption>
        <tbody>
          {order.items.map(({ sku, name, unit_price_cents, qty }, place) => (
            <tr key={place}>
              <th scope="row">
                {formatCount(qty)} × {name} <span class="muted">{sku}</span>
              </th>
              <td class="right">
                <Money cents={unit_price_cents * qty} currency={currency} />
              </td>
            </tr>
          ))}
          {order.item_count > order.items.length && (
            <tr>
              <th scope="row">and {formatCount(order.item_count - order.items.length)} more</th>
              <td></td>
            </tr>
          )}
          {order.adjustments.map(({ kind, label, amount_cents, included }, place) => (
            <tr key={place}>
              <th scope="row">
                {adjustmentName({ kind: kind as AdjustmentKind, label: null })}
                <span class="muted">
                  {label !== null && ` ${label}`}
                  {included && " included in the prices"}
                </span>
              </th>
              <td class="right">
                <Money cents={amount_cents} currency={currency} />
              </td>
            </tr>
          ))}
          <tr>
            <th scope="row">
              <strong>Total</strong>, {paymentWords[order.payment]}
            </th>
            <td class="right">
              <strong>
                <Money cents={order.total_cents} currency={currency} />
              </strong>
            </td>
          </tr>
        </tbody>
      </table>
    </article>
  );
};

/** Known orders that the file has with other content. */
const Conflicts: FC<{ of: ImportPreview["conflicts"] }> = ({ of: conflicts }) => (
  <>
    {conflicts.of_other_customers > 0 && (
      <p class="strong-bad" role="alert">
        <strong>
          {counted(conflicts.of_other_customers, "order is", "orders are")}{" "}
          of another customer here.
        </strong>{" "}
        Two shops that number their orders alike? Then set <code>order_id_prefix</code>{" "}
        in the profile of one.
      </p>
    )}
    {conflicts.orders > 0 && (
      <Examples
        id="conflicts"
        title={conflicts.orders === 1
          ? "1 known order is another one and stays as it is"
          : `${formatCount(conflicts.orders)} known orders are other ones and stay as they are`}
        names={["Order", "Why"]}
        rows={conflicts.examples.map(({ external_order_id, reason }) => [
          external_order_id,
          reason,
        ])}
      />
    )}
  </>
);

/** What the owner of the file ought to look at before it is taken. */
const Warnings: FC<{ preview: ImportPreview }> = ({ preview }) => {
  const { changed, conflicts, addresses, repeated, shortages } = preview;
  return (
    <>
      {changed.orders > 0 && (
        <Examples
          id="changed"
          title={`${counted(changed.orders, "known order")} would change`}
          names={["Order", "Now", "After"]}
          rows={changed.examples.map(({ external_order_id, before, after }) => [
            external_order_id,
            <Booked key="before" of={before} tellsPayment={changesPayment({ before, after })} />,
            <Booked key="after" of={after} tellsPayment={changesPayment({ before, after })} />,
          ])}
        />
      )}
      <Conflicts of={conflicts} />
      {addresses.customers > 0 && (
        <Examples
          id="addresses"
          title={`${counted(addresses.customers, "customer")} would get another address`}
          names={["Customer", "Now", "After", "By order"]}
          rows={addresses.examples.map(({ external_id, before, after, external_order_id }) => [
            external_id,
            before,
            after,
            external_order_id,
          ])}
        />
      )}
      {repeated.rows > 0 && (
        <Examples
          id="repeated"
          title={`${counted(repeated.rows, "row looks", "rows look")} pasted twice`}
          names={["Order", "Lines"]}
          rows={repeated.examples.map(({ external_order_id, lines }) => [
            external_order_id,
            lines.join(", "),
          ])}
        />
      )}
      {shortages.products > 0 && (
        <Examples
          id="shortages"
          title={`${counted(shortages.products, "product")} would run short`}
          names={["SKU", "Wanted", "In stock"]}
          rows={shortages.examples.map(({ sku, wanted, available }) => [
            sku,
            formatCount(wanted),
            formatCount(available),
          ])}
        />
      )}
    </>
  );
};

/** One side of a change; how it is paid where that changes, which nobody should miss. */
const Booked: FC<{ of: BookedOrder; tellsPayment: boolean }> = ({ of, tellsPayment }) => {
  const { currency, total_cents, units, recipient, email, payment } = of;
  const to = email === null ? recipient : `${recipient}, ${email}`;
  return (
    <>
      {formatMoney(total_cents, currency)}, {counted(units, "unit")}, for {to}
      {tellsPayment && (
        <>
          {", "}
          <strong>{paymentWords[payment]}</strong>
        </>
      )}
    </>
  );
};

const Examples: FC<
  {
    id: string;
    title: string;
    names: readonly string[];
    rows: readonly (readonly [first: string, ...others: Child[]])[];
  }
> = ({ id, title, names, rows }) => (
  <section aria-labelledby={`${id}-heading`}>
    <h2 id={`${id}-heading`} class="heading">{title}</h2>
    <Table label={title}>
      <Columns names={names} />
      <tbody>
        {rows.map(([first, ...others]) => (
          <tr key={first}>
            <th scope="row">{first}</th>
            {others.map((text, place) => <td key={place}>{text}</td>)}
          </tr>
        ))}
      </tbody>
    </Table>
  </section>
);
