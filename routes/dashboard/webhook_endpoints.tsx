/**
 * Endpoints of webhooks: which there are, what became of what was posted, a test, posting again, switching on and off,
 * removing. What shows a secret is in `endpoint_secrets.tsx`.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  countDeliveries,
  listDeliveries,
  type ListedDelivery,
} from "../../db/webhooks/deliveries.ts";
import { readEndpoint, readEndpoints, type WebhookEndpoint } from "../../db/webhooks/endpoints.ts";
import { describeCount, maxCounted } from "../../domain/bounded_count.ts";
import { encodeCursor } from "../../domain/paging.ts";
import {
  type DeliveryStatus,
  deliveryStatuses,
  endpointLimits,
} from "../../domain/webhook/endpoint.ts";
import {
  changeEndpoint,
  removeEndpoint,
  retryEndpoint,
  testEndpoint,
} from "../../services/notifications/manage_webhooks.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { SecretForm } from "./endpoint_secrets.tsx";
import { notFoundPage } from "./error_page.tsx";
import { HiddenFields, PostForm } from "./form.tsx";
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
  Tabs,
  Time,
  type Tone,
} from "./parts.tsx";
import { idOf, pageSize, readPageQuery } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const home = "/dashboard/webhook-endpoints";
const nav = "/dashboard/notifications";

/** `GET /dashboard/webhook-endpoints`, one of them, and what can be done about it. */
export function endpointPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  app.get("/webhook-endpoints", (c) => showAll(c, deps));
  app.get("/webhook-endpoints/:id{[0-9]{1,15}}", (c) => showOne(c, deps));

  app.post("/webhook-endpoints/:id{[0-9]{1,15}}/test", async (c) => {
    const id = idOf(c);
    await need(testEndpoint(deps, id, operatorOf(c, deps.config)));
    return c.redirect(`${home}/${id}`, 303);
  });

  app.post("/webhook-endpoints/:id{[0-9]{1,15}}/retry", async (c) => {
    const id = idOf(c);
    await need(retryEndpoint(deps, id, operatorOf(c, deps.config)));
    return c.redirect(`${home}/${id}`, 303);
  });

  app.post("/webhook-endpoints/:id{[0-9]{1,15}}/enabled", async (c) => {
    const id = idOf(c);
    const { enabled } = await readForm(c);
    const change = { enabled: enabled === "1" };
    await need(changeEndpoint(deps, id, change, operatorOf(c, deps.config)));
    return c.redirect(`${home}/${id}`, 303);
  });

  app.post("/webhook-endpoints/:id{[0-9]{1,15}}/remove", async (c) => {
    const id = idOf(c);
    if (!isConfirmed(await readForm(c))) return askBefore(c, id);
    // As long as it takes to empty its list, in small pieces.
    await removeEndpoint(deps, id, operatorOf(c, deps.config));
    return c.redirect(home, 303);
  });
  return app;
}

function askBefore(c: Context, id: number): Response | Promise<Response> {
  return askFirst(c, {
    title: `Remove webhook endpoint #${id}?`,
    says: "Nothing is posted to it any more, and what waits for it is gone with it.",
    nav,
    action: `${home}/${id}/remove`,
    verb: "Remove it",
    danger: true,
    crumb: [`${home}/${id}`, `Endpoint #${id}`],
    keep: "Keep it",
  });
}

async function showAll(c: Context, { db }: AppDeps): Promise<Response> {
  const endpoints = await need(readEndpoints(db, { limit: endpointLimits.most }));
  return page(
    c,
    { title: "Webhook endpoints", nav },
    (
      <>
        <PageHead
          title="Webhook endpoints"
          crumb={[nav, "Notifications"]}
          note="Each with its own secret and its own choice of events"
        >
          <a class="button primary" href={`${home}/new`}>Add an endpoint</a>
        </PageHead>
        {endpoints.length > 0
          ? <Endpoints endpoints={endpoints} />
          : (
            <Empty title="There is no endpoint yet">
              Add one here, by POST /webhook-endpoints or by the command webhooks: each shows its
              secret once.
            </Empty>
          )}
      </>
    ),
  );
}

const Endpoints: FC<{ endpoints: readonly WebhookEndpoint[] }> = ({ endpoints }) => (
  <Table label="Webhook endpoints" stacks={2}>
    <Columns names={["Endpoint", "State", "Events", { wide: "Where" }, { wide: "Added" }]} />
    <tbody>
      {endpoints.map((endpoint) => (
        <tr key={endpoint.id}>
          <th scope="row">
            <a href={`${home}/${endpoint.id}`}>{nameOf(endpoint)}</a>
          </th>
          <td data-label="State">
            <State of={endpoint} />
          </td>
          <td data-label="Events">{endpoint.types.join(", ")}</td>
          <td class="wide" data-label="Where">{originOf(endpoint)}</td>
          <td class="wide" data-label="Added">
            <Time at={endpoint.createdAt} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

function nameOf({ id, description }: WebhookEndpoint): string {
  return description === "" ? `#${id}` : `#${id} ${asShown(description)}`;
}

/** The rest of a URL may be a secret. */
function originOf({ url }: WebhookEndpoint): string {
  return new URL(url).origin;
}

const State: FC<{ of: WebhookEndpoint }> = ({ of: { enabled, disabledReason } }) =>
  enabled ? <Badge tone="good">on</Badge> : (
    <>
      <Badge tone={disabledReason === null ? "plain" : "bad"}>switched off</Badge>
      {disabledReason && <div class="muted small">{disabledReason}</div>}
    </>
  );

/** An endpoint, what can be done about it, and what became of what was posted lately. */
async function showOne(c: Context, { db }: AppDeps): Promise<Response> {
  const id = idOf(c);
  const query = readPageQuery(c);
  const status = query.oneOf("status", deliveryStatuses);
  const beforeId = query.cursor("deliveries");
  const [endpoint, counts, found] = await need(Promise.all([
    readEndpoint(db, id),
    countDeliveries(db, id, maxCounted),
    listDeliveries(db, id, { status, beforeId, limit: pageSize + 1 }),
  ]));
  if (endpoint === undefined) return await notFoundPage(c, `There is no webhook endpoint #${id}`);
  const path = `${home}/${id}`;
  const shown = found.slice(0, pageSize);
  const next = found.length > pageSize
    ? linkTo(path, { status, cursor: encodeCursor("deliveries", shown.at(-1)!.id) })
    : undefined;
  return page(
    c,
    { title: `Webhook endpoint #${id}`, nav },
    (
      <>
        <PageHead
          title={nameOf(endpoint)}
          crumb={[home, "Webhook endpoints"]}
          note={originOf(endpoint)}
        >
          <Actions c={c} endpoint={endpoint} givenUp={counts.givenUp} />
        </PageHead>
        <Faults of={query.faults} />
        <div class="columns apart">
          <section aria-labelledby="deliveries-heading">
            <h2 id="deliveries-heading" class="heading">Events, newest first</h2>
            <Tabs label="Events by state" tabs={tabsOf(path, status)} />
            {shown.length > 0
              ? <Deliveries deliveries={shown} />
              : <Empty title="Nothing was posted yet" />}
          </section>
          <section class="card" aria-label="The endpoint">
            <Facts endpoint={endpoint} counts={counts} />
            <SecretForm c={c} id={id} />
          </section>
        </div>
        <Pager
          shown={shownOf(shown.length, "event", "events", {
            isFirst: beforeId === undefined,
            isLast: next === undefined,
          })}
          first={beforeId === undefined ? undefined : linkTo(path, { status })}
          next={next}
        />
      </>
    ),
  );
}

const Actions: FC<{ c: Context; endpoint: WebhookEndpoint; givenUp: number }> = (
  { c, endpoint: { id, enabled }, givenUp },
) => (
  <>
    {enabled && (
      <PostForm c={c} action={`${home}/${id}/test`}>
        <button type="submit">Send a test</button>
      </PostForm>
    )}
    {givenUp > 0 && (
      <PostForm c={c} action={`${home}/${id}/retry`}>
        <button type="submit">Post again what was given up</button>
      </PostForm>
    )}
    <PostForm c={c} action={`${home}/${id}/enabled`}>
      <HiddenFields fields={{ enabled: enabled ? "0" : "1" }} />
      <button type="submit">{enabled ? "Switch off" : "Switch on, and post what waits"}</button>
    </PostForm>
    <PostForm c={c} action={`${home}/${id}/remove`}>
      <button type="submit" class="danger">Remove</button>
    </PostForm>
  </>
);

const statusNames: Readonly<Record<DeliveryStatus, [name: string, tone: Tone]>> = {
  WAITING: ["Waiting", "accent"],
  SENT: ["Sent", "good"],
  GIVEN_UP: ["Given up", "bad"],
};

function tabsOf(path: string, shown: DeliveryStatus | undefined) {
  return [
    { name: "All", href: path, isShown: shown === undefined },
    ...deliveryStatuses.map((status) => ({
      name: statusNames[status][0],
      href: linkTo(path, { status }),
      isShown: shown === status,
    })),
  ];
}

const Deliveries: FC<{ deliveries: readonly ListedDelivery[] }> = ({ deliveries }) => (
  <Table label="Events" stacks={2}>
    <Columns
      names={[
        "Event",
        "State",
        { right: "Tries" },
        "Last try",
        { wide: "What came of it" },
        { wide: "Next try" },
      ]}
    />
    <tbody>
      {deliveries.map((one) => (
        <tr key={one.id}>
          <th scope="row">{one.eventId}</th>
          <td data-label="State">
            <Badge tone={statusNames[one.status][1]}>{statusNames[one.status][0]}</Badge>
          </td>
          <td class="right" data-label="Tries">{one.attempts}</td>
          <td data-label="Last try">
            <Time at={one.attemptedAt} seconds />
          </td>
          <td class="wide" data-label="What came of it">
            <Outcome of={one} />
          </td>
          <td class="wide" data-label="Next try">
            <Time at={one.nextTryAt} seconds />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

const Outcome: FC<{ of: ListedDelivery }> = ({ of: { statusCode, error, durationMs } }) =>
  durationMs === null ? <None /> : (
    <>
      {error === null ? statusCode : asShown(error)}
      <div class="muted small">{durationMs} ms</div>
    </>
  );

const Facts: FC<{ endpoint: WebhookEndpoint; counts: { waiting: number; givenUp: number } }> = (
  { endpoint, counts },
) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <State of={endpoint} />
    </dd>
    <dt>Events</dt>
    <dd>{endpoint.types.join(", ")}</dd>
    <dt>Waiting</dt>
    <dd>{describeCount(counts.waiting)}</dd>
    <dt>Given up</dt>
    <dd>{describeCount(counts.givenUp)}</dd>
    <dt>The secret before signs until</dt>
    <dd>
      <Time at={endpoint.previousUntil} />
    </dd>
    <dt>Added</dt>
    <dd>
      <Time at={endpoint.createdAt} seconds />
    </dd>
  </dl>
);
