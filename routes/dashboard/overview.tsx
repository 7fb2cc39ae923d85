/**
 * The overview: is money moving, is anything stuck, what went wrong, what to do about it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { daysBefore } from "../../domain/kpi/day.ts";
import { messageOf } from "../../domain/errors.ts";
import { groups } from "../../domain/messages/work.ts";
import { pingDatabase } from "../../db/connection/ping.ts";
import { findAnyOrder } from "../../db/orders/order_ends.ts";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import { type ActivityHour, readActivity } from "../../streams/kpis/activity.ts";
import { readAlerts } from "../../streams/alerts/alerts.ts";
import { pause } from "../../streams/timing/pause.ts";
import { readKpis } from "../../streams/kpis/kpis.ts";
import { verifyAndTell } from "../../services/operation/verify_now.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readEpochTime } from "../../streams/recovery/epoch.ts";
import { countArchived } from "../../db/archive/archive.ts";
import { maxCounted } from "../../domain/bounded_count.ts";
import { readVerification } from "../../streams/verification/verify_regularly.ts";
import { readStreams } from "../../streams/workflow/queue_status.ts";
import type { AppDeps } from "../deps.ts";
import { settledRate, settleLatency } from "./activity_series.ts";
import { AlertList } from "./alert_list.tsx";
import { Chart } from "./chart.tsx";
import { FirstSteps } from "./first_steps.tsx";
import { formatDay } from "./format.ts";
import { PostForm } from "./form.tsx";
import { Groups } from "./group_table.tsx";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { type LiveState, liveStream, shared } from "./live.ts";
import { Engines, type EngineState, Proof, Today } from "./overview_parts.tsx";
import { Region, regionsToHtml } from "./parts.tsx";
import { attempt } from "./reading.ts";

/** What charts are made of while nothing is known. */
const emptyHour: ActivityHour = {
  times: [],
  groups: Object.fromEntries(
    groups.map((group) => [group, []]),
  ) as unknown as ActivityHour["groups"],
};

/** How long it is told how many orders are archived without counting again, in milliseconds. */
const archivedMs = 60_000;

/** How long a browser waits for a proof, in milliseconds. */
const verificationWaitMs = 5_000;

/** `GET /dashboard`, its stream, and `POST /dashboard/proof`. */
export function overviewPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const read = shared(900, reader(deps));

  app.get("/", async (c) => await show(c, deps, await read()));

  app.get("/live", (c) =>
    liveStream(c, deps, async (): Promise<LiveState> => {
      const facts = await read();
      return { regions: await regionsToHtml(regionsOf(c, facts, deps)), charts: chartsOf(facts) };
    }));

  app.post("/proof", async (c) => {
    const proof = verifyAndTell(deps, operatorOf(c, deps.config));
    // At millions of orders it takes longer than a browser should wait: the page shows it when it is there.
    const ended = proof.then(() => {}, (error) => {
      deps.log.warn("not verified", { error: messageOf(error) });
    });
    await Promise.race([ended, pause(verificationWaitMs)]);
    return c.redirect("/dashboard#proof", 303);
  });

  return app;
}

/** Reads everything that the overview shows. */
function reader(deps: AppDeps) {
  const { db, redis } = deps;
  let redisVersion: string | null = null;
  let isEmpty = true;
  // Once there was an order, nobody is told how to get the first one.
  const readEmpty = async () => isEmpty &&= !await findAnyOrder(db);
  const hour = shared(
    3_000,
    () => attempt(deps, "Redis", () => readActivity(deps, Date.now())),
  );
  const archived = shared(
    archivedMs,
    () => attempt(deps, "The database", () => countArchived(db, maxCounted)),
  );
  const pingRedis = async () => {
    redisVersion ??= /redis_version:(\S+)/.exec(await redis.info("server"))?.[1] ?? null;
    await redis.ping();
  };
  return async () => {
    const now = Date.now();
    const today = deps.kpiDay(new Date(now).toISOString());
    const yesterday = daysBefore(today, 1);
    const [
      kpis,
      streams,
      dead,
      activity,
      proof,
      alerts,
      began,
      database,
      cache,
      empty,
      archivedOrders,
    ] = await Promise
      .all([
        attempt(deps, "Redis", () => readKpis(deps, yesterday, today)),
        attempt(deps, "Redis", () => readStreams(deps)),
        attempt(deps, "The database", () => countDeadLetters(db)),
        hour(),
        attempt(deps, "Redis", () => readVerification(deps)),
        attempt(deps, "Redis", () => readAlerts(deps)),
        attempt(deps, "Redis", () => readEpochTime(deps)),
        attempt(deps, "The database", () => timed(() => pingDatabase(db))),
        attempt(deps, "Redis", () => timed(pingRedis)),
        attempt(deps, "The database", readEmpty),
        archived(),
      ]);
    const engines: EngineState[] = [
      {
        name: db.engine === "mariadb" ? "MariaDB" : "MySQL",
        version: db.version,
        answer: database,
      },
      { name: "Redis", version: redisVersion, answer: cache },
    ];
    const beganAt = began.ok ? began.value : null;
    const isEmpty = empty.ok && empty.value;
    const read = { kpis, streams, dead, activity, proof, archivedOrders, alerts, engines };
    return { isEmpty, now, today, yesterday, beganAt, ...read };
  };
}

type Facts = Awaited<ReturnType<ReturnType<typeof reader>>>;

function regionsOf(c: Context, facts: Facts, deps: AppDeps) {
  const { now, today, yesterday, kpis, streams, dead, activity, alerts, engines } = facts;
  const { proof, archivedOrders } = facts;
  const { baseCurrency } = deps;
  return {
    alerts: <AlertList alerts={alerts} engines={engines} />,
    start: facts.isEmpty && <FirstSteps c={c} deps={deps} />,
    today: <Today kpis={kpis} today={today} yesterday={yesterday} baseCurrency={baseCurrency} />,
    groups: <Groups streams={streams} dead={dead} activity={activity} />,
    proof: <Proof proof={proof} archived={archivedOrders} now={now} />,
    engines: <Engines engines={engines} />,
  };
}

function chartsOf({ activity, beganAt }: Facts) {
  const hour = activity.ok ? activity.value : emptyHour;
  const charts = { settled: settledRate(hour, beganAt), latency: settleLatency(hour, beganAt) };
  if (activity.ok) return charts;
  const summary = "Not available while Redis gives no answer";
  return { settled: { ...charts.settled, summary }, latency: { ...charts.latency, summary } };
}

function show(c: Context, deps: AppDeps, facts: Facts): Response | Promise<Response> {
  const regions = regionsOf(c, facts, deps);
  const charts = chartsOf(facts);
  return page(
    c,
    { title: "Overview", nav: "/dashboard", live: "/dashboard/live", charts: true },
    (
      <>
        <PageHead
          title="Overview"
          note={`${formatDay(facts.today)} in ${deps.config.kpiTimezone}`}
        >
          <LiveDot />
        </PageHead>
        <Region name="alerts">{regions.alerts}</Region>
        <Region name="start">{regions.start}</Region>
        <section aria-label="Today">
          <Region name="today">{regions.today}</Region>
        </section>
        <section aria-label="The last hour" class="cards">
          <Chart name="settled" title="Orders settled per second" {...charts.settled} />
          <Chart name="latency" title="From arrival to settlement" {...charts.latency} />
        </section>
        <section aria-labelledby="groups-heading">
          <div class="section-head">
            <h2 id="groups-heading">What is waiting</h2>
          </div>
          <Region name="groups">{regions.groups}</Region>
        </section>
        <section aria-label="Trust" class="cards">
          <div class="card">
            <Region name="proof">{regions.proof}</Region>
            <PostForm c={c} class="card-foot" action="/dashboard/proof">
              <span>Verified again and again by itself</span>
              <button type="submit">Verify now</button>
            </PostForm>
          </div>
          <Region name="engines" class="card">{regions.engines}</Region>
        </section>
      </>
    ),
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
