import assert from "node:assert/strict";
import { type Message, orderIdOf } from "../../../domain/messages/messages.ts";
import type { Database } from "../../../db/connection/database.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { type ConsumerOptions, makeConsumer } from "../../../streams/workflow/consumer.ts";
import {
  maxDoubtMs,
  noteAlike,
  noteSuccess,
  unclearOf,
} from "../../../streams/queue/engine_doubt.ts";
import type { Delivery, Handler } from "../../../streams/workflow/handler.ts";
import { store } from "../../../streams/workflow/store.ts";
import { shareOut } from "./share_out.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";

/** A number that no list knows. */
const unknownFault = () =>
  Object.assign(new Error("Something new"), { errno: 9999, sqlState: "HY000", code: "ER_NEW" });

async function addMany(flow: Workflow, count: number, name: string): Promise<number[]> {
  const orders = Array.from(
    { length: count },
    (_, n) => anOrder(`${name} ${n}`, [{ sku: name, qty: 1 }]),
  );
  return (await flow.add(orders, count)).map(({ orderId }) => orderId!);
}

/** Calls the right handler after a look at the batch, which may throw. */
function watching(look: (batch: Delivery<Message>[]) => void): ConsumerOptions["share"] {
  return (deliveries) =>
    shareOut(deliveries).map(({ handle, deliveries }) => ({
      deliveries,
      handle: async (deps, batch): ReturnType<Handler> => {
        look(batch);
        return await handle(deps, batch);
      },
    }));
}

const letters = async (flow: Workflow) =>
  Number((await flow.rows("select count(*) as letters from dead_letters"))[0]!.letters);

Deno.test("no message loses a try while the database says something that no list knows", () =>
  withWorkflow("doubt_sick", async (flow) => {
    await addMany(flow, 300, "sku");
    let asked = 0;
    const refuse = () => {
      asked++;
      return Promise.reject(unknownFault());
    };
    const sick: Database = {
      ...flow.db,
      query: refuse,
      execute: refuse,
      run: refuse,
      runText: refuse,
      transaction: refuse,
      together: refuse,
    };
    const options = {
      group: "orders",
      batchSize: 500,
      maxDeliveries: 2,
      retryBackoffMs: 0,
      takeoverMs: 10_000,
    } as const;
    const consumer = makeConsumer({ ...flow, db: sick }, options);
    for (let turns = 0; turns < 8; turns++) {
      assert.deepEqual(await consumeOnce(consumer), {
        handled: 0,
        retried: 0,
        dead: 0,
        delayed: 300,
      });
      await makeDue(flow);
    }
    assert.ok(asked < 8 * 20, "nobody looks for a culprit among 300");
    assert.equal(await letters(flow), 0);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("where all fail alike, and those of the next batch too, it costs no more tries", () =>
  withWorkflow("doubt_alike", async (flow) => {
    await addMany(flow, 40, "sku");
    let sick = true;
    const share = watching(() => {
      if (sick) throw unknownFault();
    });
    const consumer = flow.consumerOf("orders", {
      share,
      batchSize: 20,
      maxDeliveries: 3,
      retryBackoffMs: 60_000,
    });
    const first = await consumeOnce(consumer);
    assert.deepEqual(first, { handled: 0, retried: 20, dead: 0, delayed: 0 });
    for (let turns = 0; turns < 12; turns++) {
      const turn = await consumeOnce(consumer);
      assert.deepEqual(turn, { handled: 0, retried: 0, dead: 0, delayed: 20 }, `turn ${turns}`);
      await makeDue(flow);
    }
    sick = false;
    await flow.drain();
    assert.equal(await letters(flow), 0);
    await assertConsistent(flow);
  }));

Deno.test("messages that are bad for their own reason end as dead letters all the same", () =>
  withWorkflow("doubt_poison", async (flow) => {
    const bad = new Set(await addMany(flow, 5, "bad"));
    const share = watching((batch) => {
      if (batch.some(({ message }) => bad.has(orderIdOf(message)!))) throw unknownFault();
    });
    const consumer = flow.consumerOf("orders", { share, maxDeliveries: 2, retryBackoffMs: 0 });
    // The same batch again is no second witness.
    assert.equal((await consumeOnce(consumer)).retried, 5);
    await makeDue(flow);
    assert.equal((await consumeOnce(consumer)).dead, 5);
    assert.equal(await letters(flow), 5);

    // Nor is one whose group goes on well.
    for (const id of await addMany(flow, 2, "worse")) bad.add(id);
    await addMany(flow, 3, "good");
    assert.deepEqual(await consumeOnce(consumer), { handled: 3, retried: 2, dead: 0, delayed: 0 });
    await makeDue(flow);
    assert.equal((await consumeOnce(consumer)).dead, 2);
  }));

Deno.test("before a message is dead-lettered it is tried once more", () =>
  withWorkflow("doubt_last_try", async (flow) => {
    await addMany(flow, 1, "sku");
    let calls = 0;
    const share = watching(() => {
      if (++calls < 3) throw unknownFault();
    });
    const consumer = flow.consumerOf("orders", { share, maxDeliveries: 2, retryBackoffMs: 0 });
    assert.equal((await consumeOnce(consumer)).retried, 1);
    await makeDue(flow);
    assert.deepEqual(await consumeOnce(consumer), { handled: 1, retried: 0, dead: 0, delayed: 0 });
    assert.equal(calls, 3);
  }));

Deno.test("noteAlike() wants two batches that fail alike, and not for ever", () => {
  const engines = {};
  assert.equal(noteAlike(engines, "orders", "database 1", ["1", "2"], 0), false);
  assert.equal(noteAlike(engines, "orders", "database 1", ["2", "3"], 1), false, "they share one");
  assert.equal(noteAlike(engines, "payments", "database 2", ["1"], 2), false, "another fault");
  assert.equal(noteAlike(engines, "orders", "database 2", ["1"], 3), true, "another group");
  assert.equal(noteAlike(engines, "orders", "database 2", ["1"], 4), true, "the same batch again");
  noteSuccess(engines, "refunds");
  assert.equal(noteAlike(engines, "orders", "database 2", ["1"], 5), true);
  noteSuccess(engines, "payments");
  assert.equal(noteAlike(engines, "orders", "database 2", ["1"], 6), false);
  assert.equal(noteAlike(engines, "orders", "database 2", ["2"], 7), true);
  assert.equal(noteAlike(engines, "orders", "database 2", ["3"], 7 + maxDoubtMs), false);
});

Deno.test("unclearOf() is about engines, and about what no list knows", () => {
  const reply = (text: string) => Object.assign(new Error(text), { name: "ReplyError" });
  assert.equal(unclearOf(store, unknownFault()), "database 9999");
  assert.equal(unclearOf(store, reply("NEWCODE go away")), "redis NEWCODE");
  for (
    const error of [
      new Error("plain"),
      reply("READONLY You can't write against a read only replica."),
      reply("ERR wrong number of arguments"),
      reply("WRONGTYPE Operation against a key"),
      Object.assign(new Error("too long"), { errno: 1406, sqlState: "22001" }),
    ]
  ) assert.equal(unclearOf(store, error), undefined, error.message);
});
