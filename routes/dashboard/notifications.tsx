/**
 * Notifications: what each channel still has to send, what was not sent, every try, and sending again.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  type ListedAttempt,
  type ListedNotification,
  listNotifications,
  readAttempts,
  readNotification,
} from "../../db/notifications/notification_queries.ts";
import {
  type NotificationState,
  type OutwardChannel,
  outwardChannels,
} from "../../domain/notification/notification.ts";
import { describeCount } from "../../domain/bounded_count.ts";
import { isAllowed } from "../../domain/operation/api_token.ts";
import { encodeCursor } from "../../domain/paging.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { enableWebhook } from "../../services/notifications/enable_webhook.ts";
import { replayNotification } from "../../services/notifications/replay_notification.ts";
import { type ChannelState, readChannels } from "../api/notifications/read_channels.ts";
import { notFoundPage } from "./error_page.tsx";
import { PostForm } from "./form.tsx";
import { asShown, formatCount } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import {
  Badge,
  Columns,
  Empty,
  Faults,
  linkTo,
  None,
  OrderLink,
  Pager,
  Table,
  Tabs,
  Time,
  type Tone,
} from "./parts.tsx";
import { idOf, pageSize, readPageQuery } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/notifications";

/** `GET /dashboard/notifications`, one of them, sending it again, and switching the webhook on. */
export function notificationPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/notifications", (c) => showList(c, deps));
  app.get("/notifications/:id{[0-9]{1,15}}", (c) => showOne(c, deps));

  app.post("/notifications/:id{[0-9]{1,15}}/replay", async (c) => {
    const id = idOf(c);
    await need(replayNotification(deps, id, operatorOf(c, deps.config)));
    return c.redirect(`${home}/${id}`, 303);
  });

  app.post("/notifications/channels/webhook/enable", async (c) => {
    await need(enableWebhook(deps, operatorOf(c, deps.config)));
    return c.redirect(home, 303);
  });

  return app;
}

/** What was not sent, or all of it, below the channels. */
async function showList(c: Context, { db, config }: AppDeps): Promise<Response> {
  const query = readPageQuery(c);
  const all = query.oneOf("show", ["all"]);
  const channel = query.oneOf("channel", outwardChannels);
  const state = query.oneOf("state", ["waiting", "given_up"]);
  const isNarrow = channel !== undefined || state !== undefined;
  const given = { show: isNarrow ? undefined : all, channel, state };
  const beforeId = query.cursor("notifications");
  const [channels, { notifications: shown, nextBeforeId }] = await need(Promise.all([
    readChannels(db, config),
    listNotifications(db, all === undefined || isNarrow ? notSent(given) : {}, {
      beforeId,
      limit: pageSize,
    }),
  ]));
  const next = nextBeforeId === undefined
    ? undefined
    : linkTo(home, { ...given, cursor: encodeCursor("notifications", nextBeforeId) });
  return page(
    c,
    { title: "Notifications", nav: home },
    (
      <>
        <PageHead title="Notifications" note="One for each order, event and channel" />
        <Faults of={query.faults} />
        <section aria-labelledby="channels-heading">
          <h2 id="channels-heading" class="heading">Channels</h2>
          <Channels c={c} channels={channels} />
          {isAllowed(c.get("caller")?.scopes ?? [], ["admin"]) && (
            <p>
              <a href="/dashboard/webhook-endpoints">Webhook endpoints of the API</a>
            </p>
          )}
        </section>
        <section aria-labelledby="list-heading">
          <h2 id="list-heading" class="heading">
            {isNarrow ? narrowTitle(given) : all === undefined ? "Not sent" : "All"}, newest first
          </h2>
          <Tabs
            label="Notifications by state"
            tabs={tabs(isNarrow ? undefined : all !== undefined)}
          />
          {shown.length === 0 && next === undefined
            ? (
              <Empty
                title={all === undefined
                  ? "Nothing waits and nothing was given up"
                  : "Nothing was written or sent yet"}
              />
            )
            : <List notifications={shown} />}
        </section>
        <Pager
          shown={shown.length === 0
            ? next === undefined ? "" : "None among the latest ones"
            : `${shown.length} notifications${next ? "" : ", the last ones"}`}
          first={beforeId === undefined ? undefined : linkTo(home, given)}
          next={next}
        />
      </>
    ),
  );
}

/** Those that wait or were given up; of one channel, or in one state, where it is named. */
function notSent({ channel, state }: { channel?: OutwardChannel; state?: string }) {
  return {
    success: false,
    channel,
    waiting: state === undefined ? undefined : state === "waiting",
  };
}

/** What one notification says, and every try to send it. */
async function showOne(c: Context, { db }: AppDeps): Promise<Response> {
  const id = idOf(c);
  const [found, attempts] = await need(
    Promise.all([readNotification(db, id), readAttempts(db, id)]),
  );
  if (found === undefined) return await notFoundPage(c, `There is no notification #${id}`);
  return page(
    c,
    { title: `Notification #${id}`, nav: home },
    (
      <>
        <PageHead title={`#${id}`} crumb={[home, "Notifications"]} note={found.event}>
          {found.channel !== "log" && found.state !== "no_address" && (
            <PostForm c={c} action={`${home}/${id}/replay`}>
              <button type="submit">Send it again by {found.channel}</button>
            </PostForm>
          )}
        </PageHead>
        <div class="columns apart">
          <section aria-labelledby="tries-heading">
            <h2 id="tries-heading" class="heading">Tries</h2>
            {attempts.length > 0 ? <Tries attempts={attempts} /> : <NoTries notification={found} />}
          </section>
          <div class="side-stack">
            <section class="card" aria-label="What it is about">
              <Facts notification={found} />
            </section>
            <section class="card" aria-labelledby="payload-heading">
              <h2 id="payload-heading">Payload</h2>
              <pre tabindex={0}>{JSON.stringify(found.payload, null, 2)}</pre>
            </section>
          </div>
        </div>
      </>
    ),
  );
}

/** What the list is called that shows only some of what is not sent. */
function narrowTitle({ channel, state }: { channel?: string; state?: string }): string {
  const name = state === "given_up" ? "Given up" : state === "waiting" ? "Waiting" : "Not sent";
  return channel === undefined ? name : `${name} by ${channel}`;
}

/** @param showsAll undefined where neither is shown */
function tabs(showsAll: boolean | undefined) {
  return [
    { name: "Not sent", href: home, isShown: showsAll === false },
    { name: "All", href: linkTo(home, { show: "all" }), isShown: showsAll === true },
  ];
}

const Channels: FC<{ c: Context; channels: readonly ChannelState[] }> = ({ c, channels }) => (
  <Table label="Channels" stacks={2}>
    <Columns
      names={[
        "Channel",
        "State",
        { right: "Waiting" },
        { right: "Given up" },
        { wide: "Oldest is due" },
      ]}
    />
    <tbody>
      {channels.map((state) => (
        <tr key={state.channel}>
          <th scope="row">{state.channel}</th>
          <td class="whole" data-label="State">
            {state.disabled !== undefined
              ? <Disabled c={c} disabled={state.disabled} />
              : state.configured
              ? <Badge tone="good">on</Badge>
              : <Badge tone="plain">not configured</Badge>}
          </td>
          <td class="right" data-label="Waiting">
            <Unsent channel={state.channel} state="waiting" count={state.waiting} />
          </td>
          <td class={state.givenUp > 0 ? "right strong-warn" : "right"} data-label="Given up">
            <Unsent channel={state.channel} state="given_up" count={state.givenUp} />
          </td>
          <td class="wide whole" data-label="Oldest is due">
            <Time at={state.oldestDueAt} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

/** How many of a channel are not sent, and the way to them. */
const Unsent: FC<{ channel: string; state: "waiting" | "given_up"; count: number }> = (
  { channel, state, count },
) =>
  count === 0
    ? <>0</>
    : <a href={linkTo(home, { channel, state })} data-rows={count}>{describeCount(count)}</a>;

const Disabled: FC<{ c: Context; disabled: NonNullable<ChannelState["disabled"]> }> = (
  { c, disabled },
) => (
  <>
    <Badge tone="bad">switched off</Badge>
    <div class="muted small">
      {disabled.reason}, <Time at={disabled.disabledAt} />
    </div>
    <PostForm c={c} action={`${home}/channels/webhook/enable`}>
      <button type="submit">Switch the webhook on, and send what waits</button>
    </PostForm>
  </>
);

const stateBadges: Readonly<Record<NotificationState, [name: string, tone: Tone]>> = {
  logged: ["Logged", "plain"],
  sent: ["Sent", "good"],
  waiting: ["Waiting", "accent"],
  given_up: ["Given up", "bad"],
  no_address: ["No e-mail address", "plain"],
};

const State: FC<{ of: NotificationState }> = ({ of }) => {
  const [name, tone] = stateBadges[of];
  return <Badge tone={tone}>{name}</Badge>;
};

const List: FC<{ notifications: readonly ListedNotification[] }> = ({ notifications }) => (
  <Table label="Notifications" stacks={2}>
    <Columns
      names={[
        "Notification",
        "State",
        "Event",
        { wide: "Order" },
        { wide: "Error" },
        { wide: "Written" },
        { wide: "Next try" },
      ]}
    />
    <tbody>
      {notifications.map((one) => (
        <tr key={one.id}>
          <th scope="row" class="nowrap">
            <a href={`${home}/${one.id}`}>#{one.id}</a>{" "}
            <span class="muted small">{one.channel}</span>
          </th>
          <td data-label="State">
            <State of={one.state} />
          </td>
          <td data-label="Event">{one.event}</td>
          <td class="wide" data-label="Order">
            <OrderLink id={one.orderId} />
          </td>
          <td class="wide ellipsis" title={one.error ?? undefined} data-label="Error">
            {one.error === null ? <None /> : asShown(one.error)}
          </td>
          <td class="wide" data-label="Written">
            <Time at={one.createdAt} />
          </td>
          <td class="wide" data-label="Next try">
            <Time at={one.nextTryAt} />
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

const Facts: FC<{ notification: ListedNotification }> = ({ notification }) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <State of={notification.state} />
    </dd>
    <dt>Channel</dt>
    <dd>{notification.channel}</dd>
    <dt>Order</dt>
    <dd>
      <OrderLink id={notification.orderId} />
    </dd>
    {notification.refundId !== null && (
      <>
        <dt>Refund</dt>
        <dd>#{notification.refundId}</dd>
      </>
    )}
    <dt>Written</dt>
    <dd>
      <Time at={notification.createdAt} seconds />
    </dd>
    <dt>Sent</dt>
    <dd>
      <Time at={notification.sentAt} seconds />
    </dd>
    <dt>Next try</dt>
    <dd>
      <Time at={notification.nextTryAt} seconds />
    </dd>
    {notification.error !== null && (
      <>
        <dt>Error</dt>
        <dd>{notification.error}</dd>
      </>
    )}
  </dl>
);

const NoTries: FC<{ notification: ListedNotification }> = (
  { notification: { channel, state } },
) => (
  <Empty
    title={channel === "log"
      ? "It is written to the log, which can't fail"
      : state === "no_address"
      ? "The order has no e-mail address, so none was sent"
      : "It was not tried yet"}
  />
);

const Tries: FC<{ attempts: readonly ListedAttempt[] }> = ({ attempts }) => (
  <Table label="Tries">
    <Columns names={["Time", "Result", { right: "Took" }, { wide: "Reply" }]} />
    <tbody>
      {attempts.map((attempt) => (
        <tr key={attempt.at}>
          <th scope="row">
            <Time at={attempt.at} seconds />
          </th>
          <td>
            {attempt.success
              ? <Badge tone="good">{attempt.statusCode ?? "sent"}</Badge>
              : <Badge tone="bad">{attempt.statusCode ?? "no answer"}</Badge>}
            {attempt.error !== null && <div class="muted small">{attempt.error}</div>}
          </td>
          <td class="right">{formatCount(attempt.durationMs)} ms</td>
          <td class="wide ellipsis">{attempt.reply ?? <None />}</td>
        </tr>
      ))}
    </tbody>
  </Table>
);
