/**
 * The form by which money of an order goes back, and what it asks for.
 *
 * @module
 */

import type { Context } from "hono";
import type { FC } from "hono/jsx";
import type { OrderDetail } from "../../db/orders/order_queries.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { adjustmentWord } from "../../domain/order/adjustment.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { refusedRefund } from "../../domain/refund/refund.ts";
import {
  contentsAfter,
  decideRefundItems,
  type OrderContents,
  partsLeft,
  type RefundAdjustment,
  type RefundItems,
  type RefundLine,
} from "../../domain/refund/refund_items.ts";
import { refundableKinds } from "../../domain/refund/shares.ts";
import { typed } from "../../runtime/typed.ts";
import { PostForm } from "./form.tsx";
import { counted, formatCount, formatMoney, parseAmount, plainAmount } from "./format.ts";
import { decideRefundOf, leftCents } from "./order_actions.tsx";

/** Lines that the form offers; those of a longer order are for the API and the command line. */
const maxLines = 100;

/** Lines that stand open: more of them would push the button that sends the form out of sight. */
const openLines = 5;

/** A form that was sent. */
type SentForm = Readonly<Record<string, string | undefined>>;

/**
 * Gives money back after a question: all that is left, units of its items and what was paid besides, or a mere amount.
 * What is typed selects the way; where no script could do so, two ways together are refused.
 *
 * @param form what was typed before, where it was refused
 */
export const RefundForm: FC<{ c: Context; order: OrderDetail; form?: SentForm }> = (
  { c, order, form },
) => {
  const left = leftCents(order);
  const which = form?.which ?? "all";
  const parts = partsLeft(order.totalCents, contentsOf(order));
  const hasUnits = parts.lines.some(({ qty }) => qty > 0);
  return (
    <PostForm c={c} action={`/dashboard/orders/${order.id}/refund`} class="stack-form">
      <fieldset>
        <legend class="hidden">How much</legend>
        <Way value="all" which={which}>
          All that is left, {formatMoney(left, order.currency)}
        </Way>
        <Way value="items" which={which}>Some items, or what was paid besides</Way>
        <Way value="part" which={which}>A part of it</Way>
      </fieldset>
      <Parts order={order} form={form} />
      {hasUnits && (
        <label class="check">
          <input type="checkbox" name="restock" value="yes" checked={form?.restock === "yes"} />
          The units go back into stock
        </label>
      )}
      <div class="field">
        <label for="amount">Amount of the part, {order.currency}</label>
        <input
          id="amount"
          name="amount"
          inputmode="decimal"
          autocomplete="off"
          placeholder={plainAmount(left, order.currency)}
          value={form?.amount}
          data-selects="part"
        />
      </div>
      <div class="field">
        <label for="reason">Reason, for the books</label>
        <input id="reason" name="reason" maxlength={orderLimits.textLength} value={form?.reason} />
      </div>
      <button class="primary" type="submit">Refund…</button>
    </PostForm>
  );
};

const Way: FC<{ value: string; which: string; children?: unknown }> = (
  { value, which, children },
) => (
  <label class="check">
    <input id={value} type="radio" name="which" value={value} checked={which === value} />
    {children}
  </label>
);

/** What is left of each line and of what was paid besides. */
const Parts: FC<{ order: OrderDetail; form?: SentForm }> = ({ order, form }) => {
  const { currency } = order;
  const { lines, adjustments } = partsLeft(order.totalCents, contentsOf(order));
  const open = lines.filter(({ qty }) => qty > 0);
  return (
    <>
      {open.length > openLines
        ? (
          <details class="more" open={open.some(({ item }) => isTyped(form, item.id))}>
            <summary>
              {counted(open.length, "item")}, {formatMoney(sumOf(open), currency)}
            </summary>
            <Units order={order} lines={open} form={form} />
          </details>
        )
        : open.length > 0 && <Units order={order} lines={open} form={form} />}
      {adjustments.some(({ amountCents }) => amountCents > 0) && (
        <fieldset class="amounts">
          <legend>Paid besides, {currency}</legend>
          {adjustments.filter(({ amountCents }) => amountCents > 0).map(({ kind, amountCents }) => (
            <div key={kind}>
              <label for={`besides-${kind}`}>
                <span class="capital">{adjustmentWord(kind)}</span>
                <span class="small muted">{formatMoney(amountCents, currency)}</span>
              </label>
              <input
                id={`besides-${kind}`}
                name={`besides-${kind}`}
                inputmode="decimal"
                autocomplete="off"
                placeholder={plainAmount(amountCents, currency)}
                value={form?.[`besides-${kind}`]}
                data-selects="items"
              />
            </div>
          ))}
        </fieldset>
      )}
    </>
  );
};

/** A line with the units and the money that are left of it. */
type OpenLine = ReturnType<typeof partsLeft>["lines"][number];

/** How many units of each line go back. */
const Units: FC<{ order: OrderDetail; lines: readonly OpenLine[]; form?: SentForm }> = (
  { order, lines, form },
) => {
  const names = new Map(order.items.map(({ id, name }) => [id, name]));
  return (
    <fieldset class="amounts">
      <legend>Units of items</legend>
      {lines.slice(0, maxLines).map(({ item: { id, sku, qty: bought }, qty, amountCents }) => (
        <div key={id}>
          <label for={`units-${id}`}>
            {names.get(id)} <span class="small muted">{sku}</span>
            <span class="small muted">
              {formatCount(qty)} of {formatCount(bought)},{" "}
              {formatMoney(amountCents, order.currency)}
            </span>
          </label>
          <input
            id={`units-${id}`}
            name={`units-${id}`}
            type="number"
            inputmode="numeric"
            min={0}
            max={qty}
            step={1}
            value={form?.[`units-${id}`] ?? "0"}
            data-selects="items"
          />
        </div>
      ))}
      {lines.length > maxLines && (
        <p class="small muted">
          {counted(lines.length - maxLines, "more line")}: by the API or {typed("refund")}
        </p>
      )}
    </fieldset>
  );
};

function sumOf(lines: readonly OpenLine[]): number {
  return lines.reduce((sum, { amountCents }) => sum + amountCents, 0);
}

/** Whether units of a line were typed before: what is wrong with them must not be out of sight. */
function isTyped(form: SentForm | undefined, id: number): boolean {
  return !["0", "", undefined].includes(form?.[`units-${id}`]);
}

/** What a sent form asks for. */
export interface WantedRefund {
  /** What goes back, at least 1. */
  cents: number;
  /** As it is requested; undefined for a mere amount. */
  items: RefundItems | undefined;
  /** What it is made of; nothing for a mere amount. */
  lines: RefundLine[];
  adjustments: RefundAdjustment[];
  /** True for all that is left. */
  isWhole: boolean;
}

/**
 * What a sent form asks for.
 *
 * @throws {WorkflowError} `invalid` where it says two things or none, or what is not to be given back: `invalid`,
 * `order_not_refundable` or `refund_exceeds_left`
 */
export function wantedRefund(order: OrderDetail, form: SentForm): WantedRefund {
  const { which, amount = "", restock } = form;
  const typed = typedParts(order, form);
  const isWhole = which === "all";
  const isOfItems = which === "items";
  if (!isOfItems && typed.lines.length + typed.adjustments.length > 0) {
    throw new WorkflowError(
      "invalid",
      `Items were chosen and ${
        isWhole ? "all that is left" : "a part of it"
      } was selected: choose ` +
        "one of them",
    );
  }
  if ((isWhole || isOfItems) && amount !== "") {
    const other = isWhole ? "all that is left was" : "items were";
    throw new WorkflowError(
      "invalid",
      `“${amount}” was typed and ${other} selected: choose one of them`,
    );
  }
  const cents = isWhole || isOfItems ? null : parseAmount(amount, order.currency);
  if (cents === undefined || cents === 0) {
    const such = plainAmount(order.totalCents, order.currency);
    throw new WorkflowError(
      "invalid",
      `“${amount}” is no amount to refund in ${order.currency}, such as ${such}`,
    );
  }
  if (cents !== null && restock === "yes") {
    throw new WorkflowError("invalid", "Units go back with items, or with all that is left");
  }
  const decision = decideRefundOf(order, cents);
  if (decision.kind === "refused") throw refusedRefund(order, cents, decision);
  const { amountCents } = decision;
  const items = isOfItems ? typed : isWhole && restock === "yes" ? wholeWithGoods : undefined;
  if (items === undefined) {
    return { cents: amountCents, items, lines: [], adjustments: [], isWhole };
  }
  if (isOfItems && items.lines.length + items.adjustments.length === 0) {
    throw new WorkflowError(
      "invalid",
      "No units were chosen, and nothing of what was paid besides",
    );
  }
  const money = { leftCents: amountCents, amountCents: null };
  const decided = decideRefundItems(order, contentsOf(order), items, money);
  if (decided.kind === "refused") throw decided.fault;
  const { lines, adjustments } = decided;
  return { cents: decided.amountCents, items, lines, adjustments, isWhole };
}

const wholeWithGoods: RefundItems = { lines: [], adjustments: [], restock: true };

/**
 * The parts that were typed.
 *
 * @throws {WorkflowError} `invalid` for what is no number of units, or no amount
 */
function typedParts(order: OrderDetail, form: SentForm): RefundItems {
  const restock = form.restock === "yes";
  const lines = order.items.flatMap(({ id: itemId, sku }) => {
    const typed = form[`units-${itemId}`] ?? "";
    if (typed === "" || typed === "0") return [];
    if (!/^\d{1,7}$/.test(typed)) {
      throw new WorkflowError("invalid", `“${typed}” is no number of units of ${sku}, such as 1`);
    }
    const qty = Number(typed);
    return qty === 0 ? [] : [{ sku: null, itemId, qty, restock }];
  });
  const adjustments = refundableKinds.flatMap((kind) => {
    const typed = form[`besides-${kind}`] ?? "";
    const amountCents = typed === "" ? 0 : parseAmount(typed, order.currency);
    if (amountCents === undefined) {
      const such = plainAmount(order.totalCents, order.currency);
      throw new WorkflowError(
        "invalid",
        `“${typed}” is no amount of ${adjustmentWord(kind)} in ${order.currency}, such as ${such}`,
      );
    }
    return amountCents === 0 ? [] : [{ kind, amountCents }];
  });
  return { lines, adjustments, restock: false };
}

/** What the question's answer repeats of the parts; {@linkcode answeredItems} reads it. */
export function itemFields(items: RefundItems | undefined): Record<string, string | undefined> {
  if (items === undefined) return {};
  return {
    lines: items.lines.map(({ itemId, qty }) => `${itemId}:${qty}`).join(",") || undefined,
    besides: items.adjustments.map(({ kind, amountCents }) => `${kind}:${amountCents}`).join(",") ||
      undefined,
    restock: items.restock || items.lines.some(({ restock }) => restock) ? "yes" : undefined,
  };
}

/**
 * The parts that a confirmed form repeats; undefined for a mere amount, null for what no question has asked.
 */
export function answeredItems(
  { lines = "", besides = "", restock }: SentForm,
): RefundItems | undefined | null {
  const isRestocked = restock === "yes";
  if (lines === "" && besides === "") return isRestocked ? wholeWithGoods : undefined;
  const isPlain = /^(\d{1,15}:\d{1,7}(,|$))*$/.test(lines) &&
    /^([a-z_]+:\d{1,15}(,|$))*$/.test(besides);
  if (!isPlain) return null;
  const pairs = (text: string) => text.split(",").filter(Boolean).map((pair) => pair.split(":"));
  const adjustments = pairs(besides).map(([name, cents]) => ({
    kind: refundableKinds.find((one) => one === name),
    amountCents: Number(cents),
  }));
  const known = adjustments.filter((one): one is RefundAdjustment => one.kind !== undefined);
  if (known.length < adjustments.length) return null;
  return {
    lines: pairs(lines).map(([itemId, qty]) => ({
      sku: null,
      itemId: Number(itemId),
      qty: Number(qty),
      restock: isRestocked,
    })),
    adjustments: known,
    restock: false,
  };
}

/** Units of its items that no refund has claimed. */
export function unitsLeft(order: OrderDetail): number {
  const { lines } = partsLeft(order.totalCents, contentsOf(order));
  return lines.reduce((sum, { qty }) => sum + qty, 0);
}

/** What the order holds, and what its refunds have taken of it. */
function contentsOf({ items, adjustments, refunds }: OrderDetail): OrderContents {
  const all: OrderContents = { items, adjustments, returned: new Map(), givenBack: new Map() };
  return refunds.filter(({ status }) => status !== "FAILED").reduce(contentsAfter, all);
}
