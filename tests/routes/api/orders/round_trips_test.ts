import assert from "node:assert/strict";
import { ask, openApi, orderBodyOf } from "../../api.ts";
import { withPort } from "../../../../tools/chaos/harness/proxy.ts";
import { startProxy } from "../../proxy.ts";
import { migrateTest } from "../../../migrated.ts";
import { testContext } from "../../../support.ts";

/** Longer than it takes to ask for several things at once. */
const answerDelayMs = 40;

/** Counts how often somebody has waited for the answers of a database, through a proxy. */
function countRounds(url: string) {
  let rounds = 0, isAnswered = true;
  const proxy = startProxy(url, {
    sent() {
      if (isAnswered) rounds++;
      isAnswered = false;
    },
    async answered() {
      await new Promise((resolve) => setTimeout(resolve, answerDelayMs));
      isAnswered = true;
    },
  });
  return {
    url: withPort(url, proxy.port),
    /** Since it was asked last. */
    count() {
      const counted = rounds;
      rounds = 0;
      return counted;
    },
    close: proxy.close,
  };
}

Deno.test("POST /orders waits for its engines at most six times, one after another: five for the database, then for Redis", async () => {
  const test = await testContext("round_trips");
  await migrateTest(test.databaseUrl);
  const relay = countRounds(test.databaseUrl);
  const api = await openApi("round_trips", { DATABASE_URL: relay.url });
  const place = async (customer: number) => {
    const body = orderBodyOf({
      customer: { external_id: `c${customer}`, email: `c${customer}@example.com`, name: "Ann" },
    });
    const { status } = await ask(api, "POST", "/orders", body);
    assert.equal(status, 202);
    return relay.count();
  };
  try {
    // What is used for the first time has connections to open and statements to prepare.
    for (let number = 0; number < 5; number++) await place(number);
    relay.count();
    const ofKnown = await place(1);
    const ofNew = await place(101);
    // MySQL is told after each transaction how long its connection may be silent, for which nobody waits.
    const unwaited = api.deps.db.engine === "mysql" ? 1 : 0;
    assert.ok(ofKnown <= 4 + unwaited, `${ofKnown} rounds`);
    assert.ok(ofNew <= 5 + 2 * unwaited, `${ofNew} rounds`);
  } finally {
    await api.close();
    relay.close();
    await test.close();
  }
});
