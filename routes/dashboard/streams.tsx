/**
 * The streams: all of them, and one page a group, where it can be paused.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import { type Group, groups, groupTable } from "../../domain/messages/work.ts";
import { readActivity } from "../../streams/kpis/activity.ts";
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
import { liveStream, shared } from "./live.ts";
import { Badge, Money, Notice, Region, toHtml } from "./parts.tsx";
import { askFirst, isConfirmed } from "./question.tsx";
import { attempt, need } from "./reading.ts";
import { Consumers, Pending, Scheduled } from "./stream_parts.tsx";

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

  app.get(
    "/streams",
    async (c) =>
      page(
        c,
        { title: "Streams", nav: "/dashboard/streams", live: "/dashboard/streams/live" },
        (
          <>
            <PageHead title="Streams" note="Every group reads the stream of its own name">
              <LiveDot />
            </PageHead>
            <Region name="groups">{await readAll()}</Region>
          </>
        ),
      ),
  );

  app.get(
    "/streams/live",
    (c) =>
      liveStream(c, deps, async () => ({ regions: { groups: await toHtml(await readAll()) } })),
  );

  const readGroup = async (group: Group) => {
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
  };

  app.get(path, async (c) => {
    const group = groupOf(c);
    const { status, regions, charts } = await readGroup(group);
    return page(
      c,
      {
        title: `Stream ${group}`,
        nav: "/dashboard/streams",
        live: `/dashboard/streams/${group}/live`,
        charts: true,
      },
      (
        <>
          <PageHead
            title={group}
            crumb={["/dashboard/streams", "Streams"]}
            note={groupTable[group].purpose}
          >
            <LiveDot />
            <PostForm
              c={c}
              action={`/dashboard/streams/${group}/${status.paused ? "resume" : "pause"}`}
            >
              <button type="submit" class={status.paused ? "primary" : undefined}>
                {status.paused ? "Resume" : "Pause…"}
              </button>
            </PostForm>
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
  });

  app.get(`${path}/live`, (c) => {
    const group = groupOf(c);
    return liveStream(c, deps, async () => {
      const { regions, charts } = await readGroup(group);
      const html = Object.entries(regions).map(async ([name, element]) =>
        [name, await toHtml(element)] as const
      );
      return {
        regions: Object.fromEntries(await Promise.all(html)),
        charts,
      };
    });
  });

  const askPause = async (c: Context, group: Group) => {
    const status = (await need(readStreams(deps))).find((one) => one.group === group)!;
    const money = status.money.map(({ amountCents, currency }) =>
      formatMoney(amountCents, currency)
    );
    return await askFirst(c, {
      title: `Pause the group ${group}?`,
      note: groupTable[group].purpose,
      says: `No consumer takes anything from ${group} until somebody resumes it. ` +
        (money.length === 0
          ? "Nothing waits in it now."
          : `${money.join(" and ")} wait in it now.`),
      nav: "/dashboard/streams",
      action: `/dashboard/streams/${group}/pause`,
      verb: `Pause ${group}`,
      danger: true,
      crumb: [`/dashboard/streams/${group}`, group],
      keep: "Let it run",
    });
  };

  app.post(`${path}/pause`, async (c) => {
    const group = groupOf(c);
    if (!isConfirmed(await readForm(c))) return await askPause(c, group);
    await need(pauseGroup(deps, group, actorOf(c)));
    deps.log.warn("group paused", { group, actor: actorOf(c) });
    return c.redirect(`/dashboard/streams/${group}`, 303);
  });

  app.post(`${path}/resume`, async (c) => {
    const group = groupOf(c);
    await need(resumeGroup(deps, group));
    deps.log.info("group resumed", { group, actor: actorOf(c) });
    return c.redirect(`/dashboard/streams/${group}`, 303);
  });

  return app;
}

function groupOf(c: Context): Group {
  return c.req.param("group") as Group;
}

const State: FC<{ status: Omit<GroupStatus, "dead"> }> = ({ status }) => (
  <dl class="figures dense">
    <div>
      <dt>Unread</dt>
      <dd class="value">{formatCount(status.lag)}</dd>
    </div>
    <div>
      <dt>In hand</dt>
      <dd class="value">{formatCount(status.pending)}</dd>
    </div>
    <div>
      <dt>Scheduled</dt>
      <dd class="value">{formatCount(status.scheduled)}</dd>
    </div>
    <div>
      <dt>Waiting for a retry</dt>
      <dd class={status.retries > 0 ? "value strong-warn" : "value"}>
        {formatCount(status.retries)}
      </dd>
    </div>
    <div>
      <dt>Oldest</dt>
      <dd class="value">
        <Oldest status={status} />
      </dd>
    </div>
    <div>
      <dt>Money waiting</dt>
      <dd class="value">
        {status.money.length === 0
          ? "–"
          : status.money.map(({ currency, amountCents }) => (
            <div key={currency}>
              <Money cents={amountCents} currency={currency} />
            </div>
          ))}
      </dd>
    </div>
    <div>
      <dt>Finished so far</dt>
      <dd class="value">{formatCount(status.processed)}</dd>
    </div>
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
