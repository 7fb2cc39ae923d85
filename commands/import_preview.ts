/**
 * The preview of a file as text for a terminal.
 *
 * @module
 */

import {
  changesPayment,
  type ImportPreview,
  type PreviewOrder,
} from "../domain/import/import_preview.ts";
import { adjustmentName, type RecordedKind } from "../domain/order/adjustment.ts";
import { formatMoney } from "../domain/money.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { counted, plural } from "../domain/text/plural.ts";
import { moneyTable, reasonLines } from "./import_summary.ts";
import { formatTable, indent, right } from "./table.ts";

/** Begins lines that must not be missed: columns that are not used and seem to matter, orders that are paid otherwise. */
const mark = "  ! ";

/** True for a line that should stand out. */
export function isMarked(line: string): boolean {
  return line.startsWith(mark);
}

/** The preview for people, part by part. */
export function previewText(preview: ImportPreview): string {
  const parts = [
    fileLines(preview),
    columnLines(preview),
    ...(preview.questions.length > 0 ? [questionLines(preview)] : [
      orderLines(preview),
      moneyLines(preview),
      totalLines(preview),
      databaseLines(preview),
      repeatedLines(preview),
      shortageLines(preview),
      reasonLines(preview.reasons, preview.counts.rows_rejected),
    ]),
  ];
  return parts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n");
}

function fileLines({ file, profile }: ImportPreview): string[] {
  const { form } = file;
  const how = form === null ? "in the importer's own columns" : [
    form.encoding,
    `fields separated by ${delimiterNames[form.delimiter]}`,
    ...(form.headerLine > 1 ? [`header on line ${form.headerLine}`] : []),
    ...(form.container === "plain" ? [] : [form.container]),
  ].join(", ");
  return [
    `Preview of ${visibleText(file.name)}, nothing was changed: ${
      counted(file.rows, "row")
    }, ${how}`,
    ...(profile === null ? [] : [
      `Profile: ${visibleText(profile.name)}` +
      (profile.why === null ? "" : `, by ${visibleText(profile.why)}`),
    ]),
    ...file.notes.map((note) => `  ${visibleText(note)}`),
  ];
}

const delimiterNames = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" } as const;

function columnLines({ columns }: ImportPreview): string[] {
  const used = formatTable(
    [{ heading: "column" }, { heading: "is read as" }, { heading: "such as" }],
    columns.used.map(({ name, fills, samples }) => [name, fills.join(", "), samples.join(" | ")]),
  );
  const unused = columns.unused.map(({ name, samples, looks_like }) => {
    const values = samples.length === 0 ? "empty" : samples.join(" | ");
    const text = `${visibleText(name)} (${visibleText(values)})`;
    return looks_like === null
      ? `    ${text}`
      : `${mark}${text}: looks like ${article(looks_like)}, and is not used`;
  });
  return [
    ...(columns.used.length === 0 ? [] : [indent(used)]),
    ...(unused.length === 0 ? [] : ["Not used:", ...unused]),
  ];
}

function article(what: string): string {
  return what === "tax" || what === "shipping" ? what : `a ${what}`;
}

function questionLines({ questions }: ImportPreview): string[] {
  return [
    `Only you can know ${
      questions.length === 1 ? "this" : "these"
    }; say so by --set SETTING=VALUE, or in a profile ` +
    "(--save-profile=FILE writes what is known, --profile=FILE reads it):",
    ...questions.flatMap(({ setting, question, candidates }) => [
      `  ${setting}: ${visibleText(question)}${
        setting === "file.sheet" ? " (or --sheet=NAME)" : ""
      }`,
      ...candidates.map(({ value, meaning }) =>
        `    ${visibleText(value)}: ${visibleText(meaning)}`
      ),
    ]),
  ];
}

function orderLines({ first_orders, largest_orders }: ImportPreview): string[] {
  const shown = new Set(first_orders.map(({ external_order_id }) => external_order_id));
  const largest = largest_orders.filter(({ external_order_id }) => !shown.has(external_order_id));
  return [
    ...(first_orders.length === 0 ? [] : ["The first orders as they would be booked:"]),
    ...first_orders.flatMap(orderText),
    ...(largest.length === 0 ? [] : ["The largest:"]),
    ...largest.flatMap(orderText),
  ];
}

const paymentWords = {
  due: "is charged",
  paid: "is recorded as paid",
  none: "costs nothing",
} as const;

function orderText(order: PreviewOrder): string[] {
  const { currency, customer, items, item_count, adjustments } = order;
  const who = customer.email === null ? customer.name : `${customer.name} <${customer.email}>`;
  const money = (cents: number) => formatMoney(cents, currency);
  const more = item_count - items.length;
  return [
    `  ${order.external_order_id}  ${order.placed_at}  ${who}  (line ${order.line}, ${order.outcome})`,
    ...items.map(({ sku, name, unit_price_cents, qty }) =>
      `    ${formatCount(qty)} × ${money(unit_price_cents)} = ${
        money(qty * unit_price_cents)
      }  ${sku}  ${name}`
    ),
    ...(more > 0 ? [`    and ${counted(more, "more item")}`] : []),
    ...adjustments.map(({ kind, label, amount_cents, included }) =>
      `    ${adjustmentName({ kind: kind as RecordedKind, label })} ${money(amount_cents)}` +
      (included ? ", in the prices" : "")
    ),
    `    ${money(order.total_cents)} ${paymentWords[order.payment]}`,
  ].map(visibleText);
}

function moneyLines({ money, payments, skipped }: ImportPreview): string[] {
  const paid = formatTable(
    [
      { heading: "currency" },
      right("charged"),
      right("sum"),
      right("recorded as paid"),
      right("sum"),
      right("free"),
    ],
    payments.map(({ currency, charged, recorded_as_paid, free }) => [
      currency,
      formatCount(charged.orders),
      formatMoney(charged.sum_cents, currency),
      formatCount(recorded_as_paid.orders),
      formatMoney(recorded_as_paid.sum_cents, currency),
      formatCount(free),
    ]),
  );
  return [
    ...(money.length === 0 ? [] : moneyTable(money)),
    ...(payments.length === 0 ? [] : ["Of those that would be booked:", indent(paid)]),
    ...skipped.map(({ why, orders }) =>
      `${counted(orders, "order is", "orders are")} skipped: ${visibleText(why)}`
    ),
  ];
}

function totalLines(preview: ImportPreview): string[] {
  return [...agreementLines(preview), ...preview.unused_totals.map(unusedTotalLine)];
}

function unusedTotalLine(
  { column, named, agree, largest_difference: largest }: ImportPreview["unused_totals"][number],
): string {
  const are = `${formatCount(named - agree)} of ${counted(named, "order")}`;
  const most = largest === null
    ? ""
    : `; the largest difference is ${formatMoney(largest.difference_cents, largest.currency)}, of ${
      visibleText(largest.external_order_id)
    }`;
  return `${mark}${
    visibleText(column)
  } is not used, and ${are} would be booked otherwise than it says${most}`;
}

function agreementLines({ totals }: ImportPreview): string[] {
  const { named, agree, largest_difference: largest } = totals;
  if (named === 0) return ["The file names no totals to compare with"];
  const are = `${formatCount(agree)} of ${counted(named, "total")} of the file ${
    plural(named, "agrees", "agree")
  }`;
  if (largest === null) return [are];
  return [
    `${are}; the largest difference is ` +
    `${formatMoney(largest.difference_cents, largest.currency)}, of ` +
    visibleText(largest.external_order_id),
  ];
}

function databaseLines(preview: ImportPreview): string[] {
  const { counts, changed, conflicts, addresses } = preview;
  const lines = [
    `${counted(counts.orders_new, "order is", "orders are")} new, ` +
    `${formatCount(counts.orders_unchanged)} known and unchanged, ` +
    `${formatCount(counts.orders_updated)} would change, ` +
    `${formatCount(counts.orders_conflict)} conflict, ${
      formatCount(counts.orders_rejected)
    } rejected`,
  ];
  for (const { external_order_id, before, after } of changed.examples) {
    const isOther = changesPayment({ before, after });
    const side = (one: typeof before) =>
      `${formatMoney(one.total_cents, one.currency)} for ${counted(one.units, "unit")}, ` +
      (one.email ?? one.recipient) + (isOther ? `, ${paymentWords[one.payment]}` : "");
    lines.push(`${isOther ? mark : "  "}${external_order_id}: ${side(before)} → ${side(after)}`);
  }
  lines.push(...others(changed.orders, changed.examples.length, "change", "changes"));
  if (conflicts.of_other_customers > 0) {
    lines.push(
      `${mark}${
        counted(conflicts.of_other_customers, "order is", "orders are")
      } of another customer here: ` +
        "two shops? Then set order_id_prefix in the profile of one",
    );
  }
  for (const { external_order_id, reason } of conflicts.examples) {
    lines.push(`  ${external_order_id}: ${reason}`);
  }
  lines.push(...others(conflicts.orders, conflicts.examples.length, "conflict", "conflicts"));
  if (addresses.customers > 0) {
    lines.push(`${counted(addresses.customers, "customer")} would be reached elsewhere:`);
    for (const { external_id, before, after } of addresses.examples) {
      lines.push(`  ${external_id}: ${before === "" ? "no address" : before} → ${after}`);
    }
    lines.push(...others(addresses.customers, addresses.examples.length, "customer", "customers"));
  }
  return lines.map(visibleText);
}

function others(all: number, shown: number, one: string, many: string): string[] {
  const left = all - shown;
  return left > 0 && shown > 0 ? [`  and ${counted(left, `other ${one}`, `other ${many}`)}`] : [];
}

function repeatedLines({ repeated }: ImportPreview): string[] {
  if (repeated.rows === 0) return [];
  return [
    `${counted(repeated.rows, "row stands", "rows stand")} in the file twice, in ` +
    `${counted(repeated.orders, "order")}; was a part of it pasted again?`,
    ...repeated.examples.map(({ external_order_id, lines }) =>
      visibleText(`  ${external_order_id}: lines ${lines.join(", ")}`)
    ),
  ];
}

function shortageLines({ shortages }: ImportPreview): string[] {
  if (shortages.products === 0 && shortages.complete) return [];
  return [
    `${counted(shortages.products, "product")} would run short` +
    (shortages.complete ? "" : ", of those that were compared: the file names too many for all"),
    ...shortages.examples.map(({ sku, wanted, available }) =>
      visibleText(`  ${sku}: ${formatCount(wanted)} wanted, ${formatCount(available)} there`)
    ),
    ...others(shortages.products, shortages.examples.length, "product", "products"),
  ];
}
