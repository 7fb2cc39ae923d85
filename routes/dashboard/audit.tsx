/**
 * The audit log: what operators did and tried to do.
 *
 * @module
 */

import { Hono } from "hono";
import type { FC } from "hono/jsx";
import { type AuditRow, listAuditLog } from "../../db/audit/audit_log.ts";
import {
  auditActionNames,
  auditActions,
  type AuditOutcome,
  type AuditSubject,
  auditSubjectText,
  type OperatorDoor,
  parseAuditSubject,
} from "../../domain/operation/audit.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { ChoiceField, DayFields, Filters, SearchField } from "./filters.tsx";
import { asShown } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import {
  Badge,
  Columns,
  Empty,
  Faults,
  linkTo,
  None,
  Pager,
  shownOf,
  Table,
  Time,
  type Tone,
} from "./parts.tsx";
import { pageSize, readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/audit";

/** `GET /dashboard/audit`. */
export function auditPageRoutes({ db }: AppDeps): Hono {
  const app = new Hono();
  app.get("/audit", async (c) => {
    const query = readPageQuery(c);
    const given = {
      actor: query.text("actor", 128),
      action: query.oneOf("action", auditActionNames),
      subject: query.text("subject", 100),
      from: query.day("from"),
      to: query.day("to"),
    };
    const subject = given.subject === undefined ? undefined : parseAuditSubject(given.subject);
    if (given.subject !== undefined && subject === undefined) {
      query.faults.push(`“${given.subject}” is nothing that was acted on: say order:42`);
    }
    const beforeId = query.cursor("audit");
    const to = given.to && `${given.to} 23:59:59.999999`;
    const filter = { actor: given.actor, action: given.action, subject, from: given.from, to };
    const { items, nextBeforeId } = await need(
      listAuditLog(db, filter, { beforeId, limit: pageSize }),
    );
    const next = nextBeforeId === undefined
      ? undefined
      : linkTo(home, { ...given, cursor: encodeCursor("audit", nextBeforeId) });
    const isFiltered = Object.values(given).some((value) => value !== undefined);
    return page(
      c,
      { title: "Audit log", nav: home },
      (
        <>
          <PageHead title="Audit log" note="Who did what, on what, when and from where" />
          <Faults of={query.faults} />
          <AuditFilters given={given} />
          {items.length > 0 || next !== undefined ? <Entries entries={items} /> : (
            <Empty
              title={isFiltered ? "No entry fits" : "Nobody did anything by hand yet"}
              actions={isFiltered ? <a class="button" href={home}>Show all</a> : undefined}
            />
          )}
          <Pager
            shown={shownOf(items.length, "entry", "entries", {
              isFirst: beforeId === undefined,
              isLast: next === undefined,
            })}
            first={beforeId === undefined ? undefined : linkTo(home, given)}
            next={next}
          />
        </>
      ),
    );
  });
  return app;
}

const AuditFilters: FC<{ given: Record<string, string | undefined> }> = ({ given }) => (
  <Filters action={home} label="Audit log" verb="Filter">
    <SearchField name="actor" label="Who" value={given.actor} hint="api:ann, cli:ann@host" />
    <SearchField name="subject" label="On what" value={given.subject} hint="order:42" />
    <ChoiceField
      name="action"
      label="Action"
      any="Any"
      choices={auditActionNames.map((name) => [name, auditActions[name]])}
      value={given.action}
    />
    <DayFields from={given.from} to={given.to} />
  </Filters>
);

const outcomes: Readonly<Record<AuditOutcome, Tone>> = {
  begun: "plain",
  done: "good",
  unchanged: "plain",
  refused: "warn",
  failed: "bad",
};

const doors: Readonly<Record<OperatorDoor, string>> = {
  token: "by HTTP",
  session: "on the dashboard",
  open: "without signing in",
  command: "at the command line",
};

const Entries: FC<{ entries: readonly AuditRow[] }> = ({ entries }) => (
  <Table label="Audit log" stacks={2}>
    <Columns names={["When", "Who", "What", "On what", { wide: "From where" }, "Outcome"]} />
    <tbody>
      {entries.map(({ id, at, actor, via, address, action, subject, outcome, detail }) => (
        <tr key={id}>
          <td class="whole">
            <Time at={at} seconds />
          </td>
          <td data-label="Who">
            <a href={linkTo(home, { actor })}>{actor}</a>
            <div class="before">{doors[via]}</div>
          </td>
          <td data-label="What">
            <div>{auditActions[action] ?? action}</div>
            {detail && outcome !== "refused" && <div class="before">{asShown(detail)}</div>}
          </td>
          <td data-label="On what">
            <Subject of={subject} />
          </td>
          <td class="wide" data-label="From where">{address ?? <None />}</td>
          <td data-label="Outcome">
            <Badge tone={outcomes[outcome]}>{outcome}</Badge>
            {outcome === "refused" && detail && (
              <div class="before">{detail.replaceAll("_", " ")}</div>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

/** The way to what was acted on, and to all that was done to it. */
const Subject: FC<{ of: AuditSubject }> = ({ of }) => {
  const href = pageOf(of);
  const name = `${of.kind.replaceAll("_", " ")} ${of.id}`;
  return (
    <>
      {href === undefined ? name : <a href={href}>{name}</a>}
      <div class="before">
        <a href={linkTo(home, { subject: auditSubjectText(of) })}>all of it</a>
      </div>
    </>
  );
};

function pageOf({ kind, id }: AuditSubject): string | undefined {
  switch (kind) {
    case "order":
      return `/dashboard/orders/${id}`;
    case "import":
      return `/dashboard/imports/${id}`;
    case "product":
      return linkTo("/dashboard/products", { q: id });
    case "dead_letter":
      return `/dashboard/dead-letters/${id}`;
    case "group":
      return `/dashboard/streams/${id}`;
    case "notification":
      return `/dashboard/notifications/${id}`;
    case "channel":
      return "/dashboard/notifications";
    case "webhook_endpoint":
      return id === "new" ? "/dashboard/webhook-endpoints" : `/dashboard/webhook-endpoints/${id}`;
    case "refund":
      return "/dashboard/refunds";
    case "stock_file":
    case "system":
      return undefined;
  }
}
