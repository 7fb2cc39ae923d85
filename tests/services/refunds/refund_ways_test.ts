import assert from "node:assert/strict";
import { entryOf } from "../../../domain/messages/messages.ts";
import { type Api, ask, openApi, storeOrder } from "../../routes/api.ts";
import { fieldOf, type Page, sendForm } from "../../routes/dashboard/pages.ts";
import { run } from "../../commands/run_command.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("services_refunds");
});
Deno.test.afterAll(() => api.close());

/** What somebody asks for, whichever way. */
interface Wish {
  amount?: number;
  reason?: string;
  key?: string;
}

/** The three ways to ask for a refund; each tells whether it was taken. */
const ways: Readonly<Record<string, (orderId: number, wish: Wish) => Promise<boolean>>> = {
  async api(orderId, { amount, reason, key }) {
    const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
    const body = { amount_cents: amount, reason };
    try {
      const answer = await ask(api, "POST", `/orders/${orderId}/refunds`, body, headers);
      return answer.status === 202;
    } catch (error) {
      // No header can have such a value.
      assert.ok(error instanceof TypeError);
      return false;
    }
  },
  async dashboard(orderId, { amount, reason = "", key }) {
    const path = `/dashboard/orders/${orderId}/refund`;
    const form: Record<string, string> = amount === undefined
      ? { which: "all", reason }
      : { which: "part", amount: (amount / 100).toFixed(2), reason };
    const question: Page = await sendForm(api, path, form);
    if (question.status !== 200) return false;
    const sent = await sendForm(api, path, {
      confirmed: "yes",
      cents: fieldOf(question, "cents"),
      key: key ?? fieldOf(question, "key"),
      reason,
    });
    return sent.status === 303;
  },
  async command(orderId, { amount, reason, key }) {
    const env = { ...api.env, LOG_LEVEL: "error", USER: "ann" };
    const args = [
      "refund",
      String(orderId),
      ...(amount === undefined ? [] : [String(amount)]),
      ...(reason === undefined || reason === "" ? [] : [`--reason=${reason}`]),
      ...(key === undefined ? [] : [`--key=${key}`]),
    ];
    return (await run(env, ...args)).code === 0;
  },
};

const refundsOf = async (orderId: number) =>
  (await api.deps.db.query(
    "select id, amount_cents, reason, idempotency_key from refunds where order_id = ? order by id",
    [orderId],
  )).map(({ id, amount_cents, reason }) => ({
    id: Number(id),
    cents: Number(amount_cents),
    reason,
  }));

Deno.test("whichever way a refund is asked for, the same is taken, word for word", async () => {
  const taken: [Wish, cents: number, reason: string | null][] = [
    [{}, 1_000, null],
    [{ amount: 400 }, 400, null],
    [{ amount: 1, reason: "  one mug, broken  " }, 1, "one mug, broken"],
    [{ amount: 1, reason: "" }, 1, null],
    [{ amount: 1, reason: "😀".repeat(255) }, 1, "😀".repeat(255)],
    [{ amount: 1, reason: "x".repeat(255), key: "k".repeat(255) }, 1, "x".repeat(255)],
  ];
  for (const [wish, cents, reason] of taken) {
    for (const [name, way] of Object.entries(ways)) {
      const orderId = await storeOrder(api.deps.db, { totalCents: 1_000 });
      const key = wish.key === undefined ? {} : { key: `${wish.key.slice(name.length)}${name}` };
      assert.equal(
        await way(orderId, { ...wish, ...key }),
        true,
        `${name}: ${JSON.stringify(wish)}`,
      );
      const [refund, ...others] = await refundsOf(orderId);
      assert.deepEqual([refund!.cents, refund!.reason, others], [cents, reason, []], name);
      const message = {
        type: "refund.process",
        orderId,
        refundId: refund!.id,
        amountCents: cents,
      } as const;
      const entries = await api.deps.redis.xrange(api.deps.keys.stream("refunds"), "-", "+");
      const fields = entryOf({ ...message, currency: "EUR" });
      assert.equal(
        entries.filter(([, entry]) => entry.join() === fields.join()).length,
        1,
        `${name} publishes it`,
      );
    }
  }
});

Deno.test("whichever way a refund is asked for, the same is refused, and nothing is cut", async () => {
  const refused: Wish[] = [
    { amount: 0 },
    { amount: -1 },
    { amount: 1_001 },
    { amount: 1, reason: "x".repeat(256) },
    { amount: 1, reason: "😀".repeat(256) },
    { amount: 1, reason: "a\u0000b" },
    { amount: 1, reason: "a\nb" },
    { amount: 1, reason: "\u001b[2J" },
    { amount: 1, reason: "\u0085" + "a" },
    { amount: 1, key: "with space" },
    { amount: 1, key: "x".repeat(256) },
    { amount: 1, key: "é" },
  ];
  const orderId = await storeOrder(api.deps.db, { totalCents: 1_000 });
  for (const wish of refused) {
    for (const [name, way] of Object.entries(ways)) {
      assert.equal(await way(orderId, wish), false, `${name}: ${JSON.stringify(wish)}`);
    }
  }
  assert.deepEqual(await refundsOf(orderId), []);
});
