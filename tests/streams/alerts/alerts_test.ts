import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { countRaisedAlerts, lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { pauseGroup, resumeGroup } from "../../../streams/queue/pause_group.ts";
import { verifyNow } from "../../../streams/verification/verify_regularly.ts";
import { noteProviderAway } from "../../../streams/payments/provider_away.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { recordedLog } from "../../routes/api.ts";
import { startProxy } from "../../routes/proxy.ts";
import { alertSettings } from "../../alert_settings.ts";
import { disableEndpoint, enableEndpoint } from "../../../db/notifications/disabled_endpoints.ts";
import { writeNotifications } from "../../../db/notifications/notifications.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { aDeadLetter } from "../../dead_letter.ts";

const start = Date.parse("2025-03-01T12:00:00.000Z");
const config = {
  ...alertSettings,
  alertWebhookUrl: "http://127.0.0.1:1/alerts",
  notifyWebhookUrl: "http://127.0.0.1:1/hooks",
};

async function withFlow(work: (flow: Workflow) => Promise<void>): Promise<void> {
  const flow = await openWorkflow("alerts");
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

/** What one alert may come from. */
interface Cause {
  alert: string;
  severity: "warning" | "critical";
  detail: RegExp;
  /** Before the first look; nothing is wrong yet. */
  prepare?: (flow: Workflow) => Promise<unknown>;
  begin: (flow: Workflow) => Promise<unknown>;
  /** Makes it neither bad nor good; where there is such a thing. */
  soften?: (flow: Workflow) => Promise<unknown>;
  end: (flow: Workflow) => Promise<unknown>;
}

/** Leaves one message of such an age, and nothing else, in the stream `orders`. */
async function oneMessage({ redis, keys }: Workflow, ageMs: number): Promise<void> {
  await redis.xtrim(keys.stream("orders"), "MAXLEN", 0);
  // An id can't be older than the last one.
  await redis.call("XSETID", keys.stream("orders"), "0-1");
  await redis.xadd(keys.stream("orders"), `${Date.now() - ageMs}-1`, "message", "nothing");
}

const letter = aDeadLetter({ group: "payments" });

const causes: Cause[] = [
  {
    alert: "oldest_age:orders",
    severity: "warning",
    detail: /^the oldest of 1 is 7 min old$/,
    begin: (flow) => oneMessage(flow, 400_000),
    soften: (flow) => oneMessage(flow, 200_000),
    end: (flow) => oneMessage(flow, 10_000),
  },
  {
    alert: "no_consumer:orders",
    severity: "critical",
    detail: /^1 message waits and no consumer is alive; run (deno task|bun run) start$/,
    prepare: (flow) => oneMessage(flow, 0),
    begin: ({ redis, keys }) => redis.del(keys.alive("orders")),
    end: ({ redis, keys }) => redis.zadd(keys.alive("orders"), Date.now(), "host:1:abc"),
  },
  {
    alert: "dead_letters:payments",
    severity: "warning",
    detail: /^1 waits for a decision, about 1.00 EUR$/,
    begin: async ({ db }) => {
      await deadLetterMessages(db, [letter]);
      await db.run("update dead_letters set status = 'DEAD'");
    },
    end: ({ db }) => db.run("update dead_letters set status = 'DISCARDED'"),
  },
  {
    alert: "paused_with_work:orders",
    severity: "warning",
    detail: /^paused by api:ops since \d{4}-\d\d-\d\d \d\d:\d\d UTC: a move; 1 message waits$/,
    prepare: (flow) => oneMessage(flow, 0),
    begin: (flow) => pauseGroup(flow, "orders", { actor: "api:ops", reason: "a move" }),
    end: (flow) => resumeGroup(flow, "orders"),
  },
  {
    alert: "webhook_disabled",
    severity: "critical",
    detail: /^http:\/\/127\.0\.0\.1:1 said that it wants nothing any more: 410 Gone$/,
    begin: ({ db }) => disableEndpoint(db, "http://127.0.0.1:1/hooks", "410 Gone"),
    end: ({ db }) => enableEndpoint(db, "http://127.0.0.1:1/hooks"),
  },
  {
    alert: "discrepancies",
    severity: "critical",
    detail: /^25\.00 EUR in 1 discrepancy that is open for more than \d+ hours$/,
    begin: ({ db }) =>
      db.run(`
        insert into discrepancies (reconciliation_id, provider, kind, identity, day, movement, their_cents, their_currency,
          created_at)
        values (1, 'http', 'missing_with_us', unhex(replace(uuid(), '-', '')), '2026-01-05', 'charge', 2500, 'EUR',
          current_timestamp(6) - interval 10 day)`),
    end: ({ db }) =>
      db.run("update discrepancies set state = 'EXPLAINED', ended_at = current_timestamp(6)"),
  },
  {
    alert: "payment_provider",
    severity: "critical",
    detail: /^connect ECONNREFUSED 127\.0\.0\.1:9000$/,
    begin: (flow) =>
      noteProviderAway(flow, [{ kind: "away", error: "connect ECONNREFUSED 127.0.0.1:9000" }]),
    end: ({ redis, keys }) => redis.del(keys.providerAway),
  },
  {
    alert: "notifications_given_up",
    severity: "warning",
    detail: /^1 by email in the last 24 hours$/,
    prepare: async (flow) => {
      const [order] = await flow.add([anOrder("A", [{ sku: "x", qty: 1 }])]);
      const about = {
        orderId: order!.orderId!,
        refundId: null,
        event: "order.paid",
        amountCents: 1,
      };
      await flow.db.transaction((tx) => writeNotifications(tx, [about], ["email"]));
    },
    begin: ({ db }) =>
      db.run("update notification_deliveries set due_at = null, updated_at = now()"),
    end: ({ db }) =>
      db.run("update notification_deliveries set updated_at = now() - interval 25 hour"),
  },
  {
    alert: "drift:stock",
    severity: "critical",
    detail: /^1 differs$/,
    prepare: async (flow) => {
      await flow.add([anOrder("A", [{ sku: "x", qty: 1 }])]);
      await verifyNow(flow);
    },
    begin: async (flow) => {
      await flow.db.run("update products set stock_qty = received_qty - 1");
      await verifyNow(flow);
    },
    end: async (flow) => {
      await flow.db.run("update products set stock_qty = received_qty");
      await verifyNow(flow);
    },
  },
  {
    alert: "database_older",
    severity: "critical",
    detail:
      /^2 acknowledged orders and 1 refund were lost between 2025-03-01T11:00:00Z and 2025-03-01T11:30:00Z, /,
    begin: ({ db }) =>
      db.run(
        `insert into books_losses (lost_from, lost_until, orders_lost, refunds_lost, steps_lost)
        values ('2025-03-01 11:00:00', '2025-03-01 11:30:00', 2, 1, 9)`,
      ),
    end: ({ db }) => db.run("update books_losses set reconciled_at = current_timestamp(6)"),
  },
  {
    alert: "database_other",
    severity: "critical",
    detail:
      /^it has commits that are no part of the history which Redis knows, and it takes nothing: /,
    begin: ({ redis, keys }) => redis.set(keys.databaseOther, "fork"),
    end: ({ redis, keys }) => redis.del(keys.databaseOther),
  },
  {
    alert: "overdue_reservations",
    severity: "warning",
    detail: /^1 order waits for payment longer than allowed$/,
    prepare: async (flow) => {
      await flow.add([anOrder("A", [{ sku: "x", qty: 1 }])]);
      await flow.turn("orders");
    },
    begin: ({ db }) =>
      db.run("update orders set reserved_time = current_timestamp(6) - interval 1201 second"),
    end: ({ db }) =>
      db.run("update orders set reserved_time = current_timestamp(6) - interval 1100 second"),
  },
];

for (const { alert, severity, detail, prepare, begin, soften, end } of causes) {
  Deno.test(`lookOnce() raises and resolves ${alert}, once each, however its cause comes and goes`, () =>
    withFlow(async (flow) => {
      const { log, lines } = recordedLog();
      const deps = { ...flow, log, config };
      const told = async (seconds: number) => {
        await lookOnce(deps, start + seconds * 1_000);
        const state = (await readAlerts(flow)).find(({ name }) => name === alert);
        return state === undefined ? "nothing" : state.raisedAt === null ? "seen" : "raised";
      };
      await prepare?.(flow);
      if (prepare !== undefined) await end(flow);
      assert.equal(await told(0), "nothing");
      await begin(flow);
      assert.equal(await told(10), "seen");
      assert.equal(await told(39), "seen", "it may be over soon");
      assert.equal(await told(40), "raised");
      const state = (await readAlerts(flow)).find(({ name }) => name === alert)!;
      assert.equal(state.severity, severity);
      assert.match(state.detail, detail);
      assert.equal(state.since, "2025-03-01T12:00:10.000Z");

      await end(flow);
      assert.equal(await told(50), "raised", "it may come back");
      await begin(flow);
      assert.equal(await told(60), "raised");
      if (soften !== undefined) {
        await soften(flow);
        assert.equal(await told(70), "raised");
        assert.equal(await told(190), "raised", "what is neither bad nor good is not over");
      }
      await end(flow);
      assert.equal(await told(200), "raised");
      assert.equal(await told(259), "raised");
      assert.equal(await told(260), "nothing");

      assert.equal((await countRaisedAlerts(flow)).get(alert), 1);
      const events = lines.map((line) => JSON.parse(line)).filter((line) => line.alert === alert);
      assert.deepEqual(events.map(({ event }) => event), ["alert raised", "alert resolved"]);
      const posts = (await flow.redis.hvals(flow.keys.alertPosts))
        .map((text) => JSON.parse(text)).filter((post) => post.alert === alert);
      assert.equal(posts.length, 2, "and both are to be posted");
    }));
}

/** Alerts that are raised, by name. */
async function raised(flow: Workflow): Promise<string[]> {
  const alerts = await readAlerts(flow);
  return alerts.filter(({ raisedAt }) => raisedAt !== null).map(({ name }) => name).sort();
}

Deno.test("lookOnce() raises what Redis tells while the database is away, and forgets nothing else", () =>
  withFlow(async (flow) => {
    const deps = { ...flow, log: silentLog, config };
    await deadLetterMessages(flow.db, [letter]);
    await lookOnce(deps, start);
    await lookOnce(deps, start + 30_000);
    assert.deepEqual(await raised(flow), ["dead_letters:payments"]);

    const proxy = startProxy(flow.test.databaseUrl);
    const url = new URL(flow.test.databaseUrl);
    url.port = String(proxy.port);
    const db = await openDatabase(url.href);
    const { log, lines } = recordedLog();
    try {
      proxy.close();
      await oneMessage(flow, 400_000);
      const cut = { ...deps, db, log };
      await lookOnce(cut, start + 100_000);
      await lookOnce(cut, start + 130_000);
      await lookOnce(cut, start + 600_000);
    } finally {
      proxy.close();
      await db.close();
    }
    const expected = ["dead_letters:payments", "no_consumer:orders", "oldest_age:orders"];
    assert.deepEqual(await raised(flow), expected);
    const posts = await flow.redis.hvals(flow.keys.alertPosts);
    assert.deepEqual(posts.map((text) => JSON.parse(text).alert).sort(), expected);
    const missed = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "warn");
    assert.deepEqual(
      new Set(missed.map(({ event, what }) => `${event}: ${what}`)),
      new Set(
        [
          ...[
            "books",
            "by_hand",
            "chargebacks",
            "dead_letters",
            "discrepancies",
            "disputes",
            "given_twice",
            "notifications",
            "older",
          ],
          ...["reservations", "returned", "webhook"],
        ].map((what) => `not looked for alerts: ${what}`),
      ),
    );

    await flow.db.run("update dead_letters set status = 'DISCARDED'");
    await lookOnce(deps, start + 700_000);
    await lookOnce(deps, start + 760_000);
    assert.deepEqual(
      await raised(flow),
      expected.slice(1),
      "it resolves when it can be seen again",
    );
  }));

Deno.test("lookOnce() raises what it can read where a part is broken, and throws without Redis", () =>
  withFlow(async (flow) => {
    const deps = { ...flow, log: silentLog, config };
    await flow.redis.set(flow.keys.proof, "{");
    await deadLetterMessages(flow.db, [letter]);
    await lookOnce(deps, start);
    await lookOnce(deps, start + 30_000);
    assert.deepEqual(await raised(flow), ["dead_letters:payments"]);
    const redis = await openRedis(flow.test.redisUrl);
    redis.disconnect();
    await flow.db.run("update dead_letters set status = 'DISCARDED'");
    await assert.rejects(lookOnce({ ...deps, redis }, start + 200_000));
    assert.deepEqual(await raised(flow), ["dead_letters:payments"]);
  }));

Deno.test("a scheduled message that nobody fetches is as old as it is late, and raises an alert", () =>
  withFlow(async (flow) => {
    const deps = { ...flow, log: silentLog, config };
    const status = async () => (await readStreams(flow)).find(({ group }) => group === "payments")!;
    const scheduled = flow.keys.scheduled("payments");
    const before = await status();
    assert.deepEqual([before.oldestUnfinishedAt, before.nextDueInMs], [null, null]);
    await pauseGroup(flow, "payments", { actor: "test", reason: null });
    const message = {
      type: "payment.charge",
      orderId: 9,
      amountCents: 100,
      currency: "EUR",
    } as const;
    await publish(flow, [{ message, delayMs: 60_000 }]);
    const early = await status();
    assert.deepEqual([early.oldestAgeMs, early.oldestUnfinishedAt], [0, null]);
    assert.ok(early.nextDueInMs! > 50_000 && early.nextDueInMs! <= 60_000);

    const dueMs = Date.now() - 400_000;
    const [member] = await flow.redis.zrange(scheduled, 0, "-1");
    await flow.redis.zadd(scheduled, dueMs, member!);
    const late = await status();
    assert.ok(late.oldestAgeMs >= 400_000 && late.oldestAgeMs < 460_000, `${late.oldestAgeMs} ms`);
    assert.equal(late.oldestUnfinishedAt, new Date(dueMs).toISOString());
    assert.equal(late.nextDueInMs, 0);
    await lookOnce(deps, start);
    await lookOnce(deps, start + 30_000);
    const alert = (await readAlerts(flow)).find(({ name }) => name === "oldest_age:payments");
    assert.equal(
      alert!.detail,
      "the oldest of 1 is 7 min old; 1.00 EUR waits; the group is paused",
    );
    assert.notEqual(alert!.raisedAt, null);

    await publish(flow, [{ message }]);
    assert.equal((await status()).oldestUnfinishedAt, new Date(dueMs).toISOString());
    await resumeGroup(flow, "payments");
    await flow.turn("payments");
    assert.ok((await status()).oldestAgeMs < 60_000);
    await lookOnce(deps, start + 60_000);
    await lookOnce(deps, start + 120_000);
    assert.ok(!(await raised(flow)).includes("oldest_age:payments"));
  }));

Deno.test("lookOnce() raises an alert where no money moves beyond this machine, and nowhere else", () =>
  withFlow(async (flow) => {
    const look = async (own: Partial<typeof config>) => {
      const deps = { ...flow, log: silentLog, config: { ...config, ...own } };
      for (const at of [0, 31_000]) await lookOnce(deps, start + at);
      return await raised(flow);
    };
    assert.deepEqual(await look({ gateway: "simulated" }), []);
    assert.deepEqual(await look({ gateway: "http", host: "0.0.0.0" }), []);
    const stripe = { gateway: "stripe", host: "0.0.0.0" } as const;
    assert.deepEqual(await look({ ...stripe, stripeSecretKey: "sk_live_1" }), []);
    await withFlow(async (other) => {
      const deps = { ...other, log: silentLog };
      const testMode = { ...config, ...stripe, stripeSecretKey: "sk_test_1" };
      for (const at of [0, 31_000]) await lookOnce({ ...deps, config: testMode }, start + at);
      assert.deepEqual(await raised(other), ["simulated_gateway"]);
    });
    assert.deepEqual(await look({ gateway: "simulated", host: "0.0.0.0" }), ["simulated_gateway"]);
  }));
