/**
 * What several pages are made of.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { OrderStatus, RefundStatus } from "../../domain/order/order.ts";
import { counted, formatAgo, formatCount, formatMinute, formatMoney, plural } from "./format.ts";

/** The look of a badge or a dot. */
export type Tone = "good" | "bad" | "warn" | "accent" | "plain";

/** Names and looks of states. */
type KnownState = OrderStatus | RefundStatus | PaymentState | ImportState;
type PaymentState =
  | "SUCCEEDED"
  | "DECLINED"
  | "REVERSING"
  | "REVERSED"
  | "DISPUTED"
  | "DISMISSED";
type ImportState = "RUNNING" | "DONE" | "FAILED";

const states: Readonly<Record<KnownState, [name: string, tone: Tone]>> = {
  PENDING: ["Pending", "plain"],
  RESERVED: ["Reserved", "accent"],
  PAID: ["Paid", "good"],
  FAILED: ["Failed", "bad"],
  CANCELLED: ["Cancelled", "plain"],
  REQUESTED: ["Requested", "accent"],
  PROCESSED: ["Processed", "good"],
  SUCCEEDED: ["Succeeded", "good"],
  DECLINED: ["Declined", "bad"],
  REVERSING: ["Going back", "warn"],
  REVERSED: ["Gave back", "plain"],
  DISPUTED: ["In dispute", "bad"],
  DISMISSED: ["Dismissed", "plain"],
  RUNNING: ["Running", "accent"],
  DONE: ["Done", "good"],
};

/** A state as a badge; one without a name of its own is shown as it is. */
export const Status: FC<{ of: string }> = ({ of }) => {
  const [name, tone] = states[of as KnownState] ?? [of, "plain"];
  return <Badge tone={tone}>{name}</Badge>;
};

/** `Paid` of `PAID`: what filters call a state of an order or a refund. */
export function stateName(state: OrderStatus | RefundStatus): string {
  return states[state][0];
}

/** A word on a tinted ground. */
export const Badge: FC<{ tone: Tone; children?: Child }> = ({ tone, children }) => (
  <span class={`badge ${tone}`}>{children}</span>
);

/** An amount that does not break. */
export const Money: FC<{ cents: number; currency: string }> = ({ cents, currency }) => (
  <span class="num nowrap">{formatMoney(cents, currency)}</span>
);

/** A time: date and minute, with all of it for those who point at it. */
export const Time: FC<{ at: string | null; seconds?: boolean }> = ({ at, seconds }) =>
  at === null ? <None /> : (
    <time
      datetime={at}
      title={at.replace("T", " ").replace(/\.?0{0,9}Z$/, " UTC")}
      class="nowrap"
    >
      {formatMinute(at)}
      {seconds && <span class="muted">{at.slice(16, 23)}</span>} UTC
    </time>
  );

/** How long ago something was. */
export const Ago: FC<{ at: string; now?: number }> = ({ at, now = Date.now() }) => (
  <time datetime={at} title={at} class="nowrap">{formatAgo(at, now)}</time>
);

/**
 * A table that can be scrolled sideways, by keyboard too.
 *
 * @param stacks its rows stand one below the other on phones, in so many columns, each cell under its `data-label`
 * @param look a class of its own
 */
export const Table: FC<
  { label: string; stacks?: 1 | 2 | 3; look?: string; children?: Child }
> = ({ label, stacks, look = "", children }) => (
  <div
    class={`table ${stacks === undefined ? "" : `stacks stacks-${stacks}`} ${look}`
      .replace(/ +/g, " ").trim()}
    role="group"
    aria-label={label}
    tabindex={0}
  >
    <table>
      <caption class="hidden">{label}</caption>
      {children}
    </table>
  </div>
);

/** A column: figures are on the right, and what is `wide` is left out on narrow screens. */
type ColumnName = string | { right: string } | { wide: string; right?: boolean };

/** The head of a table. */
export const Columns: FC<{ names: readonly ColumnName[] }> = ({ names }) => (
  <thead>
    <tr>
      {names.map((column) => {
        const [name, look] = typeof column === "string"
          ? [column, undefined]
          : "wide" in column
          ? [column.wide, column.right ? "wide right" : "wide"]
          : [column.right, "right"];
        return <th key={name} scope="col" class={look}>{name}</th>;
      })}
    </tr>
  </thead>
);

/** A figure with what it is called, in a list of such. */
export const Figure: FC<{ name: string; warns?: boolean; children?: Child }> = (
  { name, warns, children },
) => (
  <div>
    <dt>{name}</dt>
    <dd class={warns ? "value strong-warn" : "value"}>{children}</dd>
  </div>
);

/** Figures beside each other. */
export const Figures: FC<{ of: readonly (readonly [name: string, value: Child])[] }> = (
  { of },
) => (
  <dl class="figures">
    {of.map(([name, value]) => <Figure key={name} name={name}>{value}</Figure>)}
  </dl>
);

/** What stands in the place of a list that holds nothing. */
export const Empty: FC<{ title: string; children?: Child; actions?: Child }> = (
  { title, children, actions },
) => (
  <div class={children || actions ? "empty" : "empty slim"}>
    <h2>{title}</h2>
    {children && <p>{children}</p>}
    {actions && <div class="actions">{actions}</div>}
  </div>
);

/** In the place of what can't be read now. */
export const NotRead: FC<{ what: string }> = ({ what }) => (
  <div class="empty">
    <p>{what} not available while an engine gives no answer. They come back by themselves.</p>
  </div>
);

/** A message to whoever looks at the page. */
export const Notice: FC<{ tone: Tone; title: string; href?: string; children?: Child }> = (
  { tone, title, href, children },
) => (
  <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
    <strong>{href === undefined ? title : <a href={href}>{title}</a>}</strong>
    {children && <span>{children}</span>}
  </div>
);

/** What of the address of a page was passed over. */
export const Faults: FC<{ of: readonly string[] }> = ({ of }) => (
  <>{of.map((fault) => <Notice key={fault} tone="warn" title={fault} />)}</>
);

/** Views of the same list, of which one is shown. */
export const Tabs: FC<
  { label: string; tabs: readonly { name: string; href: string; isShown: boolean }[] }
> = ({ label, tabs }) => (
  <nav class="tabs" aria-label={label}>
    {tabs.map(({ name, href, isShown }) => (
      <a key={name} href={href} aria-current={isShown ? "page" : undefined}>{name}</a>
    ))}
  </nav>
);

/** In the place of what there is not. */
export const None: FC = () => <span class="muted">–</span>;

/** A number of rows, and the way to them; nothing leads to none. */
export const CountLink: FC<{ count: number; href: string }> = ({ count, href }) =>
  count === 0 ? <>0</> : <a href={href} data-rows={count}>{formatCount(count)}</a>;

/** The way to an order, by the id that it has here. */
export const OrderLink: FC<{ id: number }> = ({ id }) => (
  <a href={`/dashboard/orders/${id}`}>#{id}</a>
);

/**
 * How much of a list is shown: `50 orders`, or on its last page `12 orders, the last ones`; `3 orders in all` where there is no
 * other page. Nothing for an empty list.
 */
export function shownOf(
  count: number,
  one: string,
  many: string,
  { isFirst, isLast }: { isFirst: boolean; isLast: boolean },
): string {
  if (count === 0) return "";
  const end = isFirst ? " in all" : plural(count, ", the last one", ", the last ones");
  return counted(count, one, many) + (isLast ? end : "");
}

/** The way to the next page of a list. */
export const Pager: FC<{ shown: string; first?: string; next?: string; nextName?: string }> = (
  { shown, first, next, nextName = "Older" },
) => (
  <nav class="pager" aria-label="Pages">
    <span class="small">{shown}</span>
    <span class="actions">
      {first && <a class="button" href={first}>Newest</a>}
      {next && <a class="button" href={next} rel="next">{nextName} →</a>}
    </span>
  </nav>
);

/** A region that the page's stream renews; the class goes onto the element itself. */
export const Region: FC<{ name: string; children?: Child; class?: string }> = (
  { name, children, class: className },
) => <div data-region={name} class={className}>{children}</div>;

/** A link with its query, without parameters that are empty. */
export function linkTo(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** What an element comes to as HTML; nothing, as within other elements, for one that is left out. */
export async function toHtml(element: Child): Promise<string> {
  const html = await element;
  return html === null || html === undefined || typeof html === "boolean" ? "" : String(html);
}

/** The same of every region of a page, by its name. */
export async function regionsToHtml(
  regions: Readonly<Record<string, Child>>,
): Promise<Record<string, string>> {
  const html = Object.entries(regions).map(async ([name, element]) =>
    [name, await toHtml(element)] as const
  );
  return Object.fromEntries(await Promise.all(html));
}
