/**
 * What providers' books and ours do not agree about, and mending it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  type DiscrepancyRow,
  listDiscrepancies,
  readDiscrepancy,
} from "../../db/reconciliation/discrepancies.ts";
import { listOpenLosses } from "../../db/recovery/database_losses.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { encodeCursor } from "../../domain/paging.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import {
  type DiscrepancyAction,
  discrepancyActionNames,
  discrepancyActions,
  discrepancyInWords,
  discrepancyStates,
  offeredActions,
} from "../../domain/reconciliation/discrepancy.ts";
import {
  approveMending,
  proposeMending,
} from "../../services/reconciliation/mend_discrepancies.ts";
import { configuredProviders, gatewaysOf } from "../../streams/payments/gateways.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { ChoiceField, Filters } from "./filters.tsx";
import { HiddenFields, PostForm } from "./form.tsx";
import { page, PageHead } from "./layout.tsx";
import { Columns, Empty, Faults, linkTo, Money, Notice, Pager, Table, Time } from "./parts.tsx";
import { idOf, pageSize, readPageQuery, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const home = "/dashboard/discrepancies";
const nav = "/dashboard/reconciliations";
const title = "What does not agree";

/** `GET /dashboard/discrepancies`, and the forms of its rows, each with a question before it. */
export function discrepancyPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db, config } = deps;

  app.get("/discrepancies", (c) => showList(c, deps));

  app.post("/discrepancies/:id{[0-9]{1,15}}/mend", async (c) => {
    const form = await readForm(c);
    const id = idOf(c);
    const action = actionOf(form.action);
    if (!isConfirmed(form)) {
      const row = await need(readDiscrepancy(db, id));
      if (row !== undefined) return await askBefore(c, row, action);
    }
    const { discrepancy } = await proposeMending(
      { ...deps, ...gatewaysOf(config) },
      { id, action, note: form.note ?? null },
      operatorOf(c, config),
    );
    return c.redirect(`${home}?done=${doneOf(discrepancy)}`, 303);
  });

  app.post("/discrepancies/:id{[0-9]{1,15}}/approve", async (c) => {
    const { action, proposed_at: proposedAt } = await readForm(c);
    if (proposedAt === undefined) throw new WorkflowError("bad_request", "What is approved?");
    const { discrepancy } = await approveMending(
      { ...deps, ...gatewaysOf(config) },
      idOf(c),
      operatorOf(c, config),
      { seen: { action: actionOf(action), proposedAt } },
    );
    return c.redirect(`${home}?done=${doneOf(discrepancy)}`, 303);
  });

  return app;
}

function doneOf({ state, action, approvedBy }: DiscrepancyRow): string {
  if (state !== "open") return state;
  return action === null ? "nothing" : approvedBy === null ? "proposed" : "begun";
}

const doneWords: Readonly<Record<string, string>> = {
  explained: "Explained",
  mended: "Mended",
  proposed: "Proposed: somebody else has to approve it",
  begun: "It goes on by itself",
};

/** What is said where an action was withdrawn; why stands beside what it was about. */
const nothing = "It came to nothing, and something else has to be done";

/** @throws {WorkflowError} `invalid` */
function actionOf(text: string | undefined): DiscrepancyAction {
  const action = discrepancyActionNames.find((name) => name === text);
  if (action !== undefined) return action;
  throw new WorkflowError(
    "invalid",
    `The action must be one of ${discrepancyActionNames.join(", ")}`,
  );
}

async function showList(c: Context, { db, config }: AppDeps) {
  const query = readPageQuery(c);
  const asked = Number(said(c, "reconciliation"));
  const reconciliationId = Number.isSafeInteger(asked) && asked > 0 ? asked : undefined;
  const state = query.oneOf("state", discrepancyStates) ?? "open";
  const afterId = query.cursor("discrepancies") ?? 0;
  const found = await need(listDiscrepancies(db, {
    filter: { state, ...(reconciliationId === undefined ? {} : { reconciliationId }) },
    afterId,
    limit: pageSize + 1,
  }));
  const shown = found.slice(0, pageSize);
  const isLost = state === "open" && (await need(listOpenLosses(db, 1))).length > 0;
  const result = said(c, "done") ?? "";
  const done = doneWords[result];
  const address = { state: state === "open" ? undefined : state, reconciliation: reconciliationId };
  return page(
    c,
    { title, nav },
    (
      <>
        <PageHead
          title={title}
          crumb={[nav, "Reconciliations"]}
          note="Between a payment provider's books and ours; the oldest first"
        />
        {done !== undefined && <Notice tone="good" title={done} />}
        {result === "nothing" && <Notice tone="warn" title={nothing} />}
        {isLost && (
          <Notice
            tone="bad"
            title="Orders are lost that nobody has reconciled"
            href="/dashboard/losses"
          >
            Have them sent again before anything is given back: their money is of no order until
            then
          </Notice>
        )}
        <Faults of={query.faults} />
        <Filters action={home} label={title} verb="Filter">
          <ChoiceField
            name="state"
            label="State"
            any="Open"
            choices={[["explained", "Explained"], ["mended", "Mended"]]}
            value={address.state}
          />
          {reconciliationId !== undefined && (
            <HiddenFields fields={{ reconciliation: String(reconciliationId) }} />
          )}
        </Filters>
        {shown.length === 0
          ? <Empty title={`Nothing is ${state}`} />
          : <Found c={c} of={shown} state={state} configured={configuredProviders(config)} />}
        <Pager
          shown={found.length > pageSize ? `${pageSize} of them, the oldest first` : ""}
          next={found.length > pageSize
            ? linkTo(home, { ...address, cursor: encodeCursor("discrepancies", shown.at(-1)!.id) })
            : undefined}
          nextName="Newer"
        />
      </>
    ),
  );
}

/** Discrepancies of one state, as a table. */
const Found: FC<{
  c: Context;
  of: readonly DiscrepancyRow[];
  state: DiscrepancyRow["state"];
  /** Names of the providers that are configured here. */
  configured: readonly string[];
}> = ({ c, of, state, configured }) => (
  <Table label={title} stacks={2}>
    <Columns
      names={[
        "Order",
        "What",
        { right: "They say" },
        { right: "We have" },
        "Day",
        { wide: state === "open" ? "Found" : "Ended" },
        "",
      ]}
    />
    <tbody>
      {of.map((row) => <Row key={row.id} c={c} of={row} configured={configured} />)}
    </tbody>
  </Table>
);

const Row: FC<{ c: Context; of: DiscrepancyRow; configured: readonly string[] }> = (
  { c, of, configured },
) => (
  <tr>
    <th scope="row">
      {of.orderId === null
        ? of.reference ?? "none known"
        : (
          <a href={`/dashboard/orders/${of.orderId}`}>
            {of.externalOrderId ?? `the order with our id ${of.orderId}`}
          </a>
        )}
      <div class="before">
        {of.provider} <code>{of.chargeRef}</code>
      </div>
    </th>
    <td data-label="What">
      {discrepancyInWords(of)}
      <Fees of={of} />
      {of.answer && <div class="before">{of.answer}</div>}
    </td>
    <td class="right" data-label="They say">
      <Said cents={of.theirCents} currency={of.theirCurrency} />
    </td>
    <td class="right" data-label="We have">
      <Said cents={of.ourCents} currency={of.ourCurrency} />
    </td>
    <td data-label="Day">{of.day}</td>
    <td class="wide" data-label={of.endedAt === null ? "Found" : "Ended"}>
      <Time at={of.endedAt ?? of.foundAt} />
    </td>
    <td class="whole">
      {of.state === "open" && of.approvedBy === null
        ? <MendForm c={c} of={of} configured={configured} />
        : <Approved of={of} />}
    </td>
  </tr>
);

/** What was done about it, and by whom; nothing for what was mended by itself. */
const Approved: FC<{ of: DiscrepancyRow }> = ({ of }) => {
  if (of.action === null || of.approvedBy === null) return null;
  return (
    <p class="muted small">
      {discrepancyActions[of.action]}: approved by {of.approvedBy}
      {of.note && <>, “{of.note}”</>}
    </p>
  );
};

/** Of fees that differ, both sides; nothing for what differs otherwise. */
const Fees: FC<{ of: DiscrepancyRow }> = ({ of }) => {
  const { settledCurrency: currency, theirFeeCents, theirNetCents, ourFeeCents, ourNetCents } = of;
  if (currency === null || ourFeeCents === null || ourNetCents === null) return null;
  return (
    <div class="before">
      They say a fee of <Money cents={theirFeeCents ?? 0} currency={currency} /> and net{" "}
      <Money cents={theirNetCents ?? 0} currency={currency} />; we have{" "}
      <Money cents={ourFeeCents} currency={currency} /> and{" "}
      <Money cents={ourNetCents} currency={currency} />
    </div>
  );
};

const Said: FC<{ cents: number | null; currency: string | null }> = ({ cents, currency }) =>
  cents === null || currency === null ? <>nothing</> : <Money cents={cents} currency={currency} />;

const MendForm: FC<{ c: Context; of: DiscrepancyRow; configured: readonly string[] }> = (
  { c, of, configured },
) => (
  <>
    {of.action !== null && (
      <PostForm c={c} action={`${home}/${of.id}/approve`} class="stack-form">
        <p class="small">
          {discrepancyActions[of.action]}: proposed by {of.proposedBy}
          {of.note && <>, “{of.note}”</>}
        </p>
        <HiddenFields fields={{ action: of.action, proposed_at: of.proposedAt }} />
        <button type="submit">Approve</button>
      </PostForm>
    )}
    <PostForm c={c} action={`${home}/${of.id}/mend`} class="stack-form">
      <div class="field">
        <label for={`action-${of.id}`}>What is done</label>
        <select id={`action-${of.id}`} name="action">
          {offeredActions(of, configured.includes(of.provider)).map((name) => (
            <option key={name} value={name}>{discrepancyActions[name]}</option>
          ))}
        </select>
      </div>
      <button type="submit">Mend…</button>
    </PostForm>
  </>
);

function askBefore(
  c: Context,
  row: DiscrepancyRow,
  action: DiscrepancyAction,
): Response | Promise<Response> {
  const { orderId, externalOrderId, chargeRef } = row;
  const about = orderId !== null
    ? `order ${externalOrderId ?? `with our id ${orderId}`}`
    : chargeRef !== null
    ? `charge ${chargeRef}`
    : `line ${row.entry ?? row.id}`;
  return askFirst(c, {
    title: `${discrepancyActions[action]}: ${about}?`,
    says: consequences[action],
    note: discrepancyInWords(row),
    nav,
    action: `${home}/${row.id}/mend`,
    verb: discrepancyActions[action],
    asks: {
      name: "note",
      label: action === "explain" ? "What explains it" : "A note",
      max: orderLimits.textLength,
      required: action === "explain",
    },
    fields: { action },
    crumb: [home, title],
    keep: "Decide later",
  });
}

const consequences: Readonly<Record<DiscrepancyAction, string>> = {
  record:
    "The order is told of it as its provider would have done: a waiting order is paid by it, and money for one that is " +
    "over goes back.",
  give_back: "The money goes back to the customer through the provider.",
  ask:
    "The provider is asked; a refund that it does not know is asked for again, under its own key.",
  explain: "Nothing is booked and no money moves: nobody is reminded of it any more.",
};
