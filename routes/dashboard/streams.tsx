/**
 * The streams: all of them, and one page a group, where it can be paused.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { Child, FC } from "hono/jsx";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import { pauseGroup, resumeGroup } from "../../services/operation/pause_group.ts";
import { type Group, groups, groupTable } from "../../domain/messages/work.ts";
import { readActivity } from "../../streams/kpis/activity.ts";
import { readGroupDetail } from "../../streams/queue/group_detail.ts";
import { messageCodec } from "../../streams/workflow/message_codec.ts";
import { type GroupStatus, readStreams } from "../../streams/workflow/queue_status.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { type ChartData, groupBatchSize, groupHandlerMs, groupRate } from "./activity_series.ts";
import { Chart } from "./chart.tsx";
import { PostForm } from "./form.tsx";
import { counted, formatCount, formatMoney, plural } from "./format.ts";
import { Groups, Oldest } from "./group_table.tsx";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { liveStream, shared } from "./live.ts";
import { by } from "./order_timeline.tsx";
import { Badge, Figure, Money, Notice, Region, regionsToHtml, Time, toHtml } from "./parts.tsx";
import { askFirst, isConfirmed } from "./question.tsx";
import { attempt, need } from "./reading.ts";
import { Consumers, Lanes, Pending, Scheduled } from "./stream_parts.tsx";

const home = "/dashboard/streams";

const path = `/streams/:group{(?:${groups.join("|")})}`;

/** `GET /dashboard/streams`, `GET /dashboard/streams/{group}`, their streams, pause and resume. */
export function streamPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const hour = shared(3_000, () => readActivity(deps, Date.now()));

  const readAll = async () => {
    const [streams, dead, activity] = await Promise.all([
      attempt(deps, "Redis", () => readStreams(deps)),
      attempt(deps, "The database", () => countDeadLetters(deps.db)),
      attempt(deps, "Redis", hour),
    ]);
    return <Groups streams={streams} dead={dead} activity={activity} />;
  };

  app.get("/streams", async (c) => showGroups(c, await readAll()));

  app.get(
    "/streams/live",
    (c) =>
      liveStream(c, deps, async () => ({ regions: { groups: await toHtml(await readAll()) } })),
  );

  const readGroup = async (group: Group) => {
    const [streams, detail, activity] = await need(Promise.all([
      readStreams(deps),
      readGroupDetail(deps, messageCodec, group),
      hour(),
    ]));
    const status = streams.find((one) => one.group === group)!;
    return {
      status,
      regions: {
        paused: <Paused status={status} />,
        state: <State status={status} />,
        lanes: <Lanes lanes={status.lanes} />,
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
  };

  app.get(path, async (c) => showGroup(c, await readGroup(groupOf(c))));

  app.get(`${path}/live`, (c) =>
    liveStream(c, deps, async () => {
      const { regions, charts } = await readGroup(groupOf(c));
      return { regions: await regionsToHtml(regions), charts };
    }));

  app.post(`${path}/pause`, async (c) => {
    const group = groupOf(c);
    const form = await readForm(c);
    if (!isConfirmed(form)) return await askPause(c, deps, group);
    await need(pauseGroup(deps, group, operatorOf(c, deps.config), form.reason ?? null));
    return c.redirect(`/dashboard/streams/${group}`, 303);
  });

  app.post(`${path}/resume`, async (c) => {
    const group = groupOf(c);
    await need(resumeGroup(deps, group, operatorOf(c, deps.config)));
    return c.redirect(`/dashboard/streams/${group}`, 303);
  });

  return app;
}

function showGroups(c: Context, groups: Child): Response | Promise<Response> {
  return page(
    c,
    { title: "Streams", nav: home, live: `${home}/live` },
    (
      <>
        <PageHead title="Streams" note="Every group reads the streams of its own name">
          <LiveDot />
        </PageHead>
        <Region name="groups">{groups}</Region>
      </>
    ),
  );
}

/** What the page of a group shows, and its stream renews. */
interface GroupFacts {
  status: Omit<GroupStatus, "dead">;
  regions: Record<"paused" | "state" | "lanes" | "consumers" | "pending" | "scheduled", Child>;
  charts: Record<"rate" | "handler" | "batch", ChartData>;
}

/** One group: what waits, what was done, who works. */
function showGroup(
  c: Context,
  { status, regions, charts }: GroupFacts,
): Response | Promise<Response> {
  const { group } = status;
  return page(
    c,
    { title: `Stream ${group}`, nav: home, live: `${home}/${group}/live`, charts: true },
    (
      <>
        <PageHead title={group} crumb={[home, "Streams"]} note={groupTable[group].purpose}>
          <LiveDot />
          <PauseOrResume c={c} status={status} />
        </PageHead>
        <Region name="paused">{regions.paused}</Region>
        <section class="card" aria-label="What is waiting">
          <Region name="state">{regions.state}</Region>
        </section>
        <section aria-labelledby="lanes-heading">
          <h2 id="lanes-heading" class="heading">Lanes</h2>
          <Region name="lanes">{regions.lanes}</Region>
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

/** Who paused it, when and why; loud while something waits. */
const Paused: FC<{ status: Omit<GroupStatus, "dead"> }> = (
  { status: { group, paused, money, length, scheduled } },
) => {
  if (paused === null) return null;
  const waiting = length + scheduled;
  const amounts = money.map(({ amountCents, currency }) => formatMoney(amountCents, currency));
  return (
    <Notice
      tone={waiting > 0 ? "bad" : "warn"}
      title={waiting === 0
        ? "This group is paused"
        : amounts.length === 0
        ? `This group is paused, and ${counted(waiting, "message waits", "messages wait")}`
        : `This group is paused, and ${amounts.join(" and ")} ${
          plural(amounts.length, "waits", "wait")
        }`}
    >
      Paused {by(paused.actor)} since <Time at={paused.at === "" ? null : paused.at} />
      {paused.reason === null ? "" : `: ${paused.reason}`}. Its consumers take nothing until
      somebody resumes {group}.
    </Notice>
  );
};

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
    note: groupTable[group].purpose,
    says: `No consumer takes anything from ${group} until somebody resumes it. ` +
      (money.length === 0
        ? "Nothing waits in it now."
        : `${money.join(" and ")} ${plural(money.length, "waits", "wait")} in it now.`),
    asks: { name: "reason", label: "Why, for whoever sees it paused", max: 255 },
    nav: home,
    action: `${home}/${group}/pause`,
    verb: `Pause ${group}`,
    danger: true,
    crumb: [`${home}/${group}`, group],
    keep: "Let it run",
  });
}

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
