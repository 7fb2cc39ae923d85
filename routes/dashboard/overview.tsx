/**
 * The overview: is money moving, is anything stuck, what went wrong, what to do about it.
 *
 * @module
 */

import { Hono } from "hono";
import { daysBefore } from "../../domain/kpi/day.ts";
import { messageOf } from "../../domain/errors.ts";
import { groups } from "../../domain/messages/work.ts";
import { pingDatabase } from "../../db/connection/ping.ts";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import { type ActivityHour, readActivity } from "../../streams/kpis/activity.ts";
import { readAlerts } from "../../streams/alerts/alerts.ts";
import { pause } from "../../streams/queue/pause.ts";
import { readKpis } from "../../streams/kpis/kpis.ts";
import { prove, readProof } from "../../streams/verification/verify_regularly.ts";
import { readStreams } from "../../streams/queue/queue_status.ts";
import type { AppDeps } from "../deps.ts";
import { settledRate, settleLatency } from "./activity_series.ts";
import { Chart } from "./chart.tsx";
import { formatDay } from "./format.ts";
import { PostForm } from "./form.tsx";
import { Groups } from "./group_table.tsx";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { type LiveState, liveStream, shared } from "./live.ts";
import { AlertList, Engines, type EngineState, Proof, Today } from "./overview_parts.tsx";
import { Region, toHtml } from "./parts.tsx";
import { attempt } from "./reading.ts";

/** What charts are made of while nothing is known. */
const emptyHour: ActivityHour = {
  times: [],
  groups: Object.fromEntries(
    groups.map((group) => [group, []]),
  ) as unknown as ActivityHour["groups"],
};

/** How long a browser waits for a proof, in milliseconds. */
const proofWaitMs = 5_000;

/** `GET /dashboard`, its stream, and `POST /dashboard/proof`. */
export function overviewRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db, redis } = deps;
  let redisVersion: string | null = null;

  const readAll = shared(900, async () => {
    const now = Date.now();
    const today = deps.kpiDay(new Date(now).toISOString());
    const yesterday = daysBefore(today, 1);
    const [kpis, streams, dead, activity, proof, alerts, database, cache] = await Promise.all([
      attempt(deps, "Redis", () => readKpis(deps, yesterday, today)),
      attempt(deps, "Redis", () => readStreams(deps)),
      attempt(deps, "The database", () => countDeadLetters(db)),
      hour(),
      attempt(deps, "Redis", () => readProof(deps)),
      attempt(deps, "Redis", () => readAlerts(deps)),
      attempt(deps, "The database", () => timed(() => pingDatabase(db))),
      attempt(deps, "Redis", () =>
        timed(async () => {
          redisVersion ??= /redis_version:(\S+)/.exec(await redis.info("server"))?.[1] ?? null;
          await redis.ping();
        })),
    ]);
    const engines: EngineState[] = [
      {
        name: db.engine === "mariadb" ? "MariaDB" : "MySQL",
        version: db.version,
        answer: database,
      },
      { name: "Redis", version: redisVersion, answer: cache },
    ];
    return { now, today, yesterday, kpis, streams, dead, activity, proof, alerts, engines };
  });
  const hour = shared(
    3_000,
    () => attempt(deps, "Redis", () => readActivity(deps, Date.now())),
  );

  type Data = Awaited<ReturnType<typeof readAll>>;
  const regions = (data: Data) => ({
    alerts: <AlertList alerts={data.alerts} engines={data.engines} />,
    today: (
      <Today
        kpis={data.kpis}
        today={data.today}
        yesterday={data.yesterday}
        baseCurrency={deps.baseCurrency}
      />
    ),
    groups: <Groups streams={data.streams} dead={data.dead} activity={data.activity} />,
    proof: <Proof proof={data.proof} now={data.now} />,
    engines: <Engines engines={data.engines} />,
  });
  const charts = ({ activity }: Data) => {
    const hour = activity.ok ? activity.value : emptyHour;
    const told = { settled: settledRate(hour), latency: settleLatency(hour) };
    if (activity.ok) return told;
    const summary = "Not available while Redis gives no answer";
    return { settled: { ...told.settled, summary }, latency: { ...told.latency, summary } };
  };

  app.get("/", async (c) => {
    const data = await readAll();
    const parts = regions(data);
    const drawn = charts(data);
    return page(
      c,
      { title: "Overview", nav: "/dashboard", live: "/dashboard/live", charts: true },
      (
        <>
          <PageHead
            title="Overview"
            note={`${formatDay(data.today)} in ${deps.config.kpiTimezone}`}
          >
            <LiveDot />
          </PageHead>
          <Region name="alerts">{parts.alerts}</Region>
          <section aria-label="Today">
            <Region name="today">{parts.today}</Region>
          </section>
          <section aria-label="The last hour" class="cards">
            <Chart name="settled" title="Orders settled per second" {...drawn.settled} />
            <Chart name="latency" title="From arrival to settlement" {...drawn.latency} />
          </section>
          <section aria-labelledby="groups-heading">
            <div class="section-head">
              <h2 id="groups-heading">What is waiting</h2>
            </div>
            <Region name="groups">{parts.groups}</Region>
          </section>
          <section aria-label="Trust" class="cards">
            <div class="card">
              <Region name="proof">{parts.proof}</Region>
              <PostForm c={c} class="card-foot" action="/dashboard/proof">
                <span>Proven again and again by itself</span>
                <button type="submit">Prove now</button>
              </PostForm>
            </div>
            <Region name="engines" class="card">{parts.engines}</Region>
          </section>
        </>
      ),
    );
  });

  app.get("/live", (c) =>
    liveStream(c, deps, async (): Promise<LiveState> => {
      const data = await readAll();
      const html = Object.entries(regions(data)).map(async ([name, element]) =>
        [name, await toHtml(element)] as const
      );
      return { regions: Object.fromEntries(await Promise.all(html)), charts: charts(data) };
    }));

  app.post("/proof", async (c) => {
    const proof = prove(deps);
    // At millions of orders it takes longer than a browser should wait: the page shows it when it is there.
    await Promise.race([proof, pause(proofWaitMs)]);
    proof.catch((error) => deps.log.warn("proof failed", { error: messageOf(error) }));
    return c.redirect("/dashboard#proof", 303);
  });

  return app;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
