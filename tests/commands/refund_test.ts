import assert from "node:assert/strict";
import { type Api, ask, openApi, storeOrder } from "../routes/api.ts";
import { storeMixedOrder } from "../routes/mixed_order.ts";
import { run } from "./run_command.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("commands_refund");
});
Deno.test.afterAll(() => api.close());

const type = (...args: string[]) =>
  run({ ...api.env, LOG_LEVEL: "error", USER: "ann" }, "refund", ...args);

Deno.test("refund gives back lines and what was paid besides, and says what they come to", async () => {
  const { id, mug, tea } = await storeMixedOrder(api.deps.db);
  const { code, out, err } = await type(
    `${id}`,
    `--line=${mug}:2`,
    `--line=${tea}:1`,
    "--restock",
    "--shipping=490",
    "--reason=returned",
  );
  assert.equal(code, 0, err);
  assert.match(
    out,
    new RegExp(
      `^Refund \\d+ of order ${id}, the shop's \\S+: 20\\.40 EUR requested: 2 × ${mug} 11\\.63 \\+ 1 × ${tea} 3\\.87 ` +
        "\\+ shipping 4\\.90$",
    ),
  );
  const { body } = await ask(api, "GET", `/orders/${id}/refunds`);
  assert.deepEqual(
    body.data[0].lines.map((line: Record<string, unknown>) => [line.sku, line.qty, line.restock]),
    [[mug, 2, true], [tea, 1, true]],
  );

  const refused = await type(`${id}`, `--line=${mug}:2`);
  assert.equal(refused.code, 1);
  assert.match(refused.err, new RegExp(`2 of ${mug} are more than the 1 of 3 that are left`));
  const whole = await type(`${id}`, "--restock");
  assert.match(whole.out, new RegExp(`3\\.10 EUR requested: 1 × ${mug} 3\\.10$`));
});

Deno.test("refund refuses lines that can't be meant, as wrong usage", async () => {
  const wrong: [args: string[], words: RegExp][] = [
    [["--line=MUG"], /--line must be SKU:QTY, not "MUG"/],
    [["--line=:2"], /--line must be SKU:QTY/],
    [["--line=MUG:0"], /the quantity of MUG must be an integer 1…1000000, not "0"/],
    [["--line=MUG:"], /the quantity of MUG must be an integer/],
    [
      ["--shipping=4.90"],
      /--shipping must be an integer, in minor units \(12.50 EUR is 1250\), not "4.90"/,
    ],
    [
      ["12,50"],
      /AMOUNT_CENTS must be an integer, in minor units \(12.50 EUR is 1250\), not "12,50"/,
    ],
    [["--gift-wrap=0"], /--gift-wrap must be an integer/],
    [["--restock", "--tip=5"], /--restock needs lines/],
    [["--discount=5"], /Unknown option/],
  ];
  for (const [args, words] of wrong) {
    const { code, err } = await type("1", ...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, words);
  }
});

Deno.test("refund says that a person gives back what a provider took that is not configured, and whose id it wants", async () => {
  const id = await storeOrder(api.deps.db, { status: "PAID" });
  await api.deps.db.query("update payments set provider = 'shop_pay' where order_id = ?", [id]);
  const { code, out, err } = await type(`${id}`, "400");
  assert.equal(code, 0, err);
  assert.match(
    out,
    /4\.00 EUR requested\n"shop_pay", which took the money, is not configured here: give it back there, .* refund --done=\d+$/,
  );
  for (const name of ["web-1", "#1001", "-1", "12x"]) {
    const wrong = await type(name);
    assert.equal(wrong.code, 2, name);
    if (name !== "-1") {
      assert.match(wrong.err, /ORDER_ID must be our id of the order, .* not the shop's/);
    }
  }
});

Deno.test("refund takes our id of an order where the shop calls another one so, and says which before it does anything", async () => {
  const { db } = api.deps;
  const [id, other] = [await storeOrder(db), await storeOrder(db)];
  await db.run("update orders set external_order_id = ? where id = ?", [`${id}`, other]);
  await db.run("update orders set external_order_id = 'mine' where id = ?", [id]);
  const { code, out, err } = await type(`${id}`, "400");
  assert.equal(code, 0, err);
  assert.match(
    out,
    new RegExp(`^Refund \\d+ of order ${id}, the shop's mine: 4\\.00 EUR requested`),
  );
  const says = `What the shop calls ${id} is our order ${other}`;
  assert.ok(err.startsWith(`${says}, and our ${id} is the shop's mine`), err);
  const rows = await db.query("select order_id from refunds where order_id in (?)", [[id, other]]);
  assert.deepEqual(rows.map((row) => Number(row.order_id)), [id]);
  for (const [name, ...args] of [["capture", `${id}`], ["retry", `${id}`]]) {
    const ran = await run({ ...api.env, LOG_LEVEL: "error", USER: "ann" }, name!, ...args);
    assert.ok(ran.err.startsWith(says), `${name}: ${ran.err}`);
  }
  assert.ok((await type(`--returned=${id}`)).err.startsWith(says));
  // What the shop calls the same order is no question.
  await db.run("update orders set external_order_id = 'other' where id = ?", [other]);
  await db.run("update orders set external_order_id = ? where id = ?", [`${id}`, id]);
  assert.doesNotMatch((await type(`${id}`, "100")).err, /What the shop calls/);
  // An id of nothing here is often the shop's.
  const none = `${9_000_000_000 + id}`;
  await db.run("update orders set external_order_id = ? where id = ?", [none, other]);
  const unknown = await type(none);
  assert.equal(unknown.code, 1);
  assert.ok(
    unknown.err.startsWith(`What the shop calls ${none} is our order ${other}\n`),
    unknown.err,
  );
});
