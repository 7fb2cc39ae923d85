import assert from "node:assert/strict";
import { askIfMeant } from "../../commands/meant_order.ts";
import { type Api, openApi, storeOrder } from "../routes/api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("commands_meant");
});
Deno.test.afterAll(() => api.close());

Deno.test("askIfMeant() asks once, where the shop calls another order so, and ends what was meant otherwise", async () => {
  const { db } = api.deps;
  const [id, other] = [await storeOrder(db), await storeOrder(db)];
  const asked: string[] = [];
  const answer = (isSure: boolean) => (question: string) => {
    asked.push(question);
    return isSure;
  };
  await askIfMeant(api.deps, [`${id}`, `${other}`], answer(false));
  assert.deepEqual(asked, []);
  await db.run("update orders set external_order_id = ? where id = ?", [`${id}`, other]);
  await assert.rejects(
    askIfMeant(api.deps, [`${id}`, `${other}`], answer(false)),
    { code: "bad_usage", message: "Nothing was done: name the order by our id" },
  );
  await askIfMeant(api.deps, [`${id}`], answer(true));
  assert.equal(asked.length, 2);
  await askIfMeant(api.deps, [`${other}`], answer(false));
  assert.equal(asked.length, 2);
});
