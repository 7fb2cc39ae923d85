import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import {
  countDeliveries,
  listNotifications,
  type NotificationFilter,
} from "../../../db/notifications/notification_queries.ts";
import { fail, told } from "../../routes/notified.ts";
import { migrateTest } from "../../migrated.ts";
import { type TestContext, testContext } from "../../support.ts";
import { observeDatabase } from "../connection/observed_database.ts";

/** Orders that were told of, each on three channels. */
const count = 40;

let test: TestContext;
let db: Database;
const orders: Awaited<ReturnType<typeof told>>[] = [];
Deno.test.beforeAll(async () => {
  test = await testContext("notification_queries");
  await migrateTest(test.databaseUrl);
  db = await openDatabase(test.databaseUrl);
  for (let n = 0; n < count; n++) orders.push(await told(db));
  await fail(db, orders[0]!.ids.webhook!, "webhook", null);
});
Deno.test.afterAll(async () => {
  await db.close();
  await test.close();
});

/** Ids of all pages, and how many rows were walked through for the one that read the most. */
async function listed(filter: NotificationFilter): Promise<{ ids: number[]; walked: number }> {
  const ids: number[] = [];
  let walked = 0;
  let beforeId: number | undefined;
  do {
    const observed = observeDatabase(db);
    const page = await listNotifications(observed.db, filter, {
      beforeId,
      limit: 3,
      maxWalked: 10,
    });
    ids.push(...page.notifications.map(({ id }) => id));
    beforeId = page.nextBeforeId;
    walked = Math.max(walked, observed.sent.reduce((sum, one) => sum + one.walked, 0));
  } while (beforeId !== undefined);
  return { ids, walked };
}

Deno.test("listNotifications() passes none over, and reads a bounded piece for a page", async () => {
  const newestFirst = (ids: (number | undefined)[]) => ids.map(Number).sort((a, b) => b - a);
  const [first] = orders;
  const outward = orders.flatMap(({ ids }) => [ids.email, ids.webhook]);
  const cases: [filter: NotificationFilter, wanted: number[]][] = [
    [{}, newestFirst(orders.flatMap(({ ids }) => Object.values(ids)))],
    [{ channel: "log" }, newestFirst(orders.map(({ ids }) => ids.log))],
    [{ success: true }, newestFirst(orders.map(({ ids }) => ids.log))],
    [{ success: false }, newestFirst(outward)],
    [{ success: false, channel: "email" }, newestFirst(orders.map(({ ids }) => ids.email))],
    [{ orderId: first!.orderId }, newestFirst(Object.values(first!.ids))],
    [
      { orderId: first!.orderId, success: false },
      newestFirst([first!.ids.email, first!.ids.webhook]),
    ],
    [{ orderId: first!.orderId, success: true }, [first!.ids.log!]],
  ];
  for (const [filter, wanted] of cases) {
    const { ids, walked } = await listed(filter);
    const what = JSON.stringify(filter);
    assert.deepEqual(ids, wanted, what);
    assert.ok(walked < 40, `${walked} rows were walked through for a page of ${what}`);
  }
});

Deno.test("countDeliveries() counts what waits and what was given up, and stops at its limit", async () => {
  const counted = async (max?: number) =>
    (await countDeliveries(db, max)).map(({ channel, waiting, givenUp }) => [
      channel,
      waiting,
      givenUp,
    ]);
  assert.deepEqual(await counted(), [["email", count, 0], ["webhook", count - 1, 1]]);
  assert.deepEqual(await counted(5), [["email", 5, 0], ["webhook", 5, 1]]);
  const { db: observed, sent } = observeDatabase(db);
  await countDeliveries(observed, 5);
  const walked = sent.reduce((sum, one) => sum + one.walked, 0);
  assert.ok(walked < count, `${walked} rows were read`);
});
