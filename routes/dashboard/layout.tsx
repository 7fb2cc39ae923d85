/**
 * What all pages have around them.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import type { Child, FC } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import {
  type ProviderChoice,
  type UnrealMoney,
  unrealMoney,
} from "../../domain/payment/unreal_money.ts";
import { describeCount } from "../../domain/bounded_count.ts";
import { visiblePage } from "../../domain/text/visible_text.ts";
import { isAllowed } from "../../domain/operation/api_token.ts";
import { neededScopes } from "../middleware/access.ts";
import { assetPath } from "./assets.ts";
import { plural } from "./format.ts";
import { PostForm } from "./form.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { Notice } from "./parts.tsx";
import { passedOver } from "./queries.ts";

/** Pages load what this process serves and nothing else, and run no script that stands in a page. */
export const pageCsp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/** What a page says of itself. */
export interface PageOptions {
  title: string;
  /** The entry of the navigation that it belongs to, by its path. */
  nav: string;
  /** Where its stream is, if it is live. */
  live?: string;
  charts?: boolean;
  /** Files are sent from it. */
  uploads?: boolean;
  status?: ContentfulStatusCode;
}

declare module "hono" {
  interface ContextVariableMap {
    /** Dead letters that wait for a decision; not there while nobody knows. */
    deadLetters?: number;
  }
}

const navigation: readonly { path: string; name: string; icon: IconName; apart?: boolean }[] = [
  { path: "/dashboard", name: "Overview", icon: "overview" },
  { path: "/dashboard/orders", name: "Orders", icon: "orders", apart: true },
  { path: "/dashboard/refunds", name: "Refunds", icon: "refunds" },
  { path: "/dashboard/reconciliations", name: "Reconciliations", icon: "books" },
  { path: "/dashboard/customers", name: "Customers", icon: "customers" },
  { path: "/dashboard/products", name: "Products", icon: "products" },
  { path: "/dashboard/kpis", name: "KPIs", icon: "kpis", apart: true },
  { path: "/dashboard/ledger", name: "Ledger", icon: "ledger" },
  { path: "/dashboard/imports", name: "Imports", icon: "imports" },
  { path: "/dashboard/streams", name: "Streams", icon: "streams", apart: true },
  { path: "/dashboard/notifications", name: "Notifications", icon: "notifications" },
  { path: "/dashboard/dead-letters", name: "Dead letters", icon: "dead" },
  { path: "/dashboard/audit", name: "Audit log", icon: "audit" },
];

/** Lets every page say where no money moves, those that tell of errors included. */
export function tellUnrealMoney(config: ProviderChoice): MiddlewareHandler {
  const unreal = unrealMoney(config);
  return (c, next) => {
    c.set("unrealMoney", unreal);
    return next();
  };
}

/** Answers with a page. What would turn the direction of its text is shown, whoever wrote it: see {@linkcode visiblePage}. */
export async function page(
  c: Context,
  options: PageOptions,
  content: Child,
): Promise<Response> {
  const html = await (
    <>
      {doctype}
      <Frame c={c} {...options}>{content}</Frame>
    </>
  ).toString();
  return c.html(visiblePage(html), options.status ?? 200);
}

/** JSX has no word for it; being no element, it needs a string that is not escaped. */
const doctype = Object.assign(new String("<!doctype html>"), {
  isEscaped: true,
}) as unknown as Child;

const Frame: FC<PageOptions & { c: Context; children?: Child }> = (
  { c, title, nav, live, charts, uploads, status, children },
) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{title} · Orders Workflow</title>
      <link rel="icon" href={assetPath("icon.svg")} type="image/svg+xml" />
      {charts && <link rel="stylesheet" href={assetPath("uplot.css")} />}
      <link rel="stylesheet" href={assetPath("dashboard.css")} />
      {live && <script src={assetPath("morphdom.js")}></script>}
      <script src={assetPath("live.js")}></script>
      {uploads && <script src={assetPath("upload.js")}></script>}
      {charts && <script src={assetPath("uplot.js")} defer></script>}
      {charts && <script src={assetPath("charts.js")} defer></script>}
    </head>
    <body {...(live === undefined ? {} : { "data-live": live })}>
      <a class="skip" href="#main">Skip to content</a>
      <NoMoney of={c.get("unrealMoney")} />
      <div class="shell">
        <header class="side">
          <a class="brand" href="/dashboard">
            <img src={assetPath("icon.svg")} alt="" width="24" height="24" />
            Orders Workflow
          </a>
          <nav class="nav-scroll" aria-label="Main">
            <ul class="nav">
              {navigation.filter(({ path }) => mayOpen(c, path)).map((
                { path, name, icon, apart },
              ) => (
                <li key={path} class={apart ? "apart" : undefined}>
                  <a href={path} aria-current={path === nav ? "page" : undefined}>
                    <Icon name={icon} />
                    {name}
                    {path === lettersPath && <LetterBadge count={c.get("deadLetters") ?? 0} />}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <Foot c={c} />
        </header>
        <main id="main" tabindex={-1}>
          {(status ?? 200) === 200 &&
            passedOver(c).map((fault) => <Notice key={fault} tone="warn" title={fault} />)}
          {children}
        </main>
      </div>
    </body>
  </html>
);

/** Says that no money moves; nothing where it does. */
const NoMoney: FC<{ of: UnrealMoney | null }> = ({ of: unreal }) =>
  unreal && (
    <aside class="simulated" aria-label="Payments">
      <strong>{unreal.title}.</strong> No money is taken or given back:{" "}
      <code>{unreal.setting}</code>
    </aside>
  );

const lettersPath = "/dashboard/dead-letters";

/** How many dead letters wait for a decision; nothing where none does. */
const LetterBadge: FC<{ count: number }> = ({ count }) =>
  count === 0 ? null : (
    <span class="count" data-figure="dead-letters">
      {describeCount(count)}
      <span class="hidden">{plural(count, "waits", "wait")} for a decision</span>
    </span>
  );

/** Whether whoever looks may open a page of the navigation. */
function mayOpen(c: Context, path: string): boolean {
  const needed = neededScopes("GET", path);
  return needed === "nothing" || isAllowed(c.get("caller")?.scopes ?? [], needed);
}

/** Who is signed in, if anybody has to be. */
const Foot: FC<{ c: Context }> = ({ c }) => {
  const caller = c.get("caller");
  return (
    <div class="side-foot">
      {caller?.by === "session" && (
        <PostForm c={c} action="/sign-out">
          <span>{caller.name}</span> <button type="submit">Sign out</button>
        </PostForm>
      )}
      <p>Times are UTC</p>
    </div>
  );
};

/** The head of a page: its one `h1`, and what can be done. */
export const PageHead: FC<
  { title: Child; crumb?: [path: string, name: string]; note?: Child; children?: Child }
> = (
  { title, crumb, note, children },
) => (
  <div class="page-head">
    <div>
      {crumb && <a class="crumb" href={crumb[0]}>← {crumb[1]}</a>}
      <h1>{title}</h1>
      {note && <p>{note}</p>}
    </div>
    {children && <div class="actions">{children}</div>}
  </div>
);

/** Tells whether the page follows the server. */
export const LiveDot: FC = () => (
  <span id="live-state" class="live-dot" role="status">
    <span class="no-js">Reload for new figures</span>
  </span>
);
