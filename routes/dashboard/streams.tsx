/**
 * The streams: all of them, and one page a group, where it can be paused.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import { type ActivityHour, readActivity } from "../../streams/kpis/activity.ts";
import { readGroupDetail } from "../../streams/queue/group_detail.ts";
import { pauseGroup, resumeGroup } from "../../streams/queue/pause_group.ts";
import { type GroupStatus, readStreams } from "../../streams/queue/queue_status.ts";
import type { AppDeps } from "../deps.ts";
import { readForm } from "../middleware/read_form.ts";
import { groupBatchSize, groupHandlerMs, groupRate } from "./activity_series.ts";
import { Chart } from "./chart.tsx";
import { actorOf, PostForm } from "./form.tsx";
import { formatCount, formatMoney } from "./format.ts";
import { Groups, Oldest } from "./group_table.tsx";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { type LiveState, liveStream, shared } from "./live.ts";
import { Badge, Figure, Money, Notice, Region, regionsToHtml, toHtml } from "./parts.tsx";
import { askFirst, isConfirmed } from "./question.tsx";
import { attempt, need } from "./reading.ts";
import { Consumers, Pending, Scheduled } from "./stream_parts.tsx";

const home = "/dashboard/streams";

const path = `/streams/:group{(?:${groups.join("|")})}`;

/** `GET /dashboard/streams`, `GET /dashboard/streams/{group}`, their streams, pause and resume. */
export function streamPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const hour = shared(3_000, () => readActivity(deps, Date.now()));

  app.get("/streams", (c) => showGroups(c, deps, hour));
  app.get(
    "/streams/live",
    (c) => liveStream(c, deps, async () => ({ regions: await groupsHtml(deps, hour) })),
  );
  app.get(path, (c) => showGroup(c, deps, hour));
  app.get(`${path}/live`, (c) => liveStream(c, deps, () => groupHtml(deps, groupOf(c), hour)));

  app.post(`${path}/pause`, async (c) => {
    const group = groupOf(c);
    if (!isConfirmed(await readForm(c))) return await askPause(c, deps, group);
    await need(pauseGroup(deps, group, actorOf(c)));
    deps.log.warn("group paused", { group, actor: actorOf(c) });
    return c.redirect(`${home}/${group}`, 303);
  });

  app.post(`${path}/resume`, async (c) => {
    const group = groupOf(c);
    await need(resumeGroup(deps, group));
    deps.log.info("group resumed", { group, actor: actorOf(c) });
    return c.redirect(`${home}/${group}`, 303);
  });

  return app;
}

/** What the consumers did in the last hour, read once for all who ask at the same time. */
type Hour = () => Promise<ActivityHour>;

async function readGroups(deps: AppDeps, hour: Hour) {
  const [streams, dead, activity] = await Promise.all([
    attempt(deps, "Redis", () => readStreams(deps)),
    attempt(deps, "The database", () => countDeadLetters(deps.db)),
    attempt(deps, "Redis", hour),
  ]);
  return <Groups streams={streams} dead={dead} activity={activity} />;
}

async function groupsHtml(deps: AppDeps, hour: Hour): Promise<LiveState["regions"]> {
  return { groups: await toHtml(await readGroups(deps, hour)) };
}

/** All groups. */
async function showGroups(c: Context, deps: AppDeps, hour: Hour): Promise<Response> {
  return page(
    c,
    { title: "Streams", nav: home, live: `${home}/live` },
    (
      <>
        <PageHead title="Streams" note="Every group reads the stream of its own name">
          <LiveDot />
        </PageHead>
        <Region name="groups">{await readGroups(deps, hour)}</Region>
      </>
    ),
  );
}

/** What the page of a group shows, and its stream renews. */
async function readGroup(deps: AppDeps, group: Group, hour: Hour) {
  const [streams, detail, activity] = await need(Promise.all([
    readStreams(deps),
    readGroupDetail(deps, group),
    hour(),
  ]));
  const status = streams.find((one) => one.group === group)!;
  return {
    status,
    regions: {
      state: <State status={status} />,
      consumers: <Consumers consumers={detail.consumers} />,
      pending: <Pending detail={detail} count={status.pending} />,
      scheduled: <Scheduled scheduled={detail.scheduled} count={status.scheduled} />,
    },
    charts: {
      rate: groupRate(activity, group),
      handler: groupHandlerMs(activity, group),
      batch: groupBatchSize(activity, group),
    },
  };
}

async function groupHtml(deps: AppDeps, group: Group, hour: Hour): Promise<LiveState> {
  const { regions, charts } = await readGroup(deps, group, hour);
  return { regions: await regionsToHtml(regions), charts };
}

/** One group: what waits, what was done, who works. */
async function showGroup(c: Context, deps: AppDeps, hour: Hour): Promise<Response> {
  const group = groupOf(c);
  const { status, regions, charts } = await readGroup(deps, group, hour);
  return page(
    c,
    { title: `Stream ${group}`, nav: home, live: `${home}/${group}/live`, charts: true },
    (
      <>
        <PageHead title={group} crumb={[home, "Streams"]} note={purposes[group]}>
          <LiveDot />
          <PauseOrResume c={c} status={status} />
        </PageHead>
        {status.paused && (
          <Notice tone="warn" title="This group is paused">
            Its consumers take nothing until it is resumed; what comes in waits.
          </Notice>
        )}
        <section class="card" aria-label="What is waiting">
          <Region name="state">{regions.state}</Region>
        </section>
        <section class="cards three" aria-label="The last hour">
          <Chart name="rate" title="Messages per second" {...charts.rate} />
          <Chart name="handler" title="Time for a batch" {...charts.handler} />
          <Chart name="batch" title="Messages in a batch" {...charts.batch} />
        </section>
        <section aria-labelledby="consumers-heading">
          <h2 id="consumers-heading" class="heading">Consumers</h2>
          <Region name="consumers">{regions.consumers}</Region>
        </section>
        <section aria-labelledby="pending-heading">
          <h2 id="pending-heading" class="heading">In hand, oldest first</h2>
          <Region name="pending">{regions.pending}</Region>
        </section>
        <section aria-labelledby="scheduled-heading">
          <h2 id="scheduled-heading" class="heading">Scheduled, next first</h2>
          <Region name="scheduled">{regions.scheduled}</Region>
        </section>
      </>
    ),
  );
}

const PauseOrResume: FC<{ c: Context; status: Pick<GroupStatus, "group" | "paused"> }> = (
  { c, status: { group, paused } },
) => (
  <PostForm c={c} action={`${home}/${group}/${paused ? "resume" : "pause"}`}>
    <button type="submit" class={paused ? "primary" : undefined}>
      {paused ? "Resume" : "Pause…"}
    </button>
  </PostForm>
);

/** Asks before a group takes nothing more. */
async function askPause(c: Context, deps: AppDeps, group: Group): Promise<Response> {
  const status = (await need(readStreams(deps))).find((one) => one.group === group)!;
  const money = status.money.map(({ amountCents, currency }) => formatMoney(amountCents, currency));
  return await askFirst(c, {
    title: `Pause the group ${group}?`,
    note: purposes[group],
    says: `No consumer takes anything from ${group} until somebody resumes it. ` +
      (money.length === 0 ? "Nothing waits in it now." : `${money.join(" and ")} wait in it now.`),
    nav: home,
    action: `${home}/${group}/pause`,
    verb: `Pause ${group}`,
    danger: true,
    crumb: [`${home}/${group}`, group],
    keep: "Let it run",
  });
}

const purposes: Readonly<Record<Group, string>> = {
  orders: "Reserves stock for new orders",
  payments: "Asks for the money and settles orders by the answers",
  notifications: "Tells customers how orders and refunds ended",
  refunds: "Gives money back",
};

function groupOf(c: Context): Group {
  return c.req.param("group") as Group;
}

const State: FC<{ status: Omit<GroupStatus, "dead"> }> = ({ status }) => (
  <dl class="figures dense">
    <Figure name="Unread">{formatCount(status.lag)}</Figure>
    <Figure name="In hand">{formatCount(status.pending)}</Figure>
    <Figure name="Scheduled">{formatCount(status.scheduled)}</Figure>
    <Figure name="Waiting for a retry" warns={status.retries > 0}>
      {formatCount(status.retries)}
    </Figure>
    <Figure name="Oldest">
      <Oldest status={status} />
    </Figure>
    <Figure name="Money waiting">
      {status.money.length === 0
        ? "–"
        : status.money.map(({ currency, amountCents }) => (
          <div key={currency}>
            <Money cents={amountCents} currency={currency} />
          </div>
        ))}
    </Figure>
    <Figure name="Finished so far">{formatCount(status.processed)}</Figure>
    <div>
      <dt>State</dt>
      <dd>
        {status.paused
          ? <Badge tone="warn">paused</Badge>
          : status.consumers === 0
          ? <Badge tone="bad">no consumer</Badge>
          : <Badge tone="good">working</Badge>}
      </dd>
    </div>
  </dl>
);
