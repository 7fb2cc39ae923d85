import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Database, openDatabase, type Queryable } from "../../../db/connection/database.ts";
import { isRefused, refuseUnless } from "../../../db/connection/refuse_unless.ts";
import { testContext } from "../../support.ts";

async function withTable(name: string, work: (db: Database, other: Database) => Promise<void>) {
  const test = await testContext(name);
  const [db, other] = [await openDatabase(test.databaseUrl), await openDatabase(test.databaseUrl)];
  try {
    await db.runText("create table notes (id int primary key, text varchar(200) not null)");
    await work(db, other);
  } finally {
    await db.close();
    await other.close();
    await test.close();
  }
}

const notes = async (db: Database) =>
  (await db.query("select id, text from notes order by id")).map(({ id, text }) => [id, text]);

Deno.test("statements that are asked for together are run in their order, each with its own answer", () =>
  withTable("statements_together", async (db) => {
    const text = `a;b'c"d\\e -- ? ${"é".repeat(20)}`;
    const answers = await db.transaction((tx) =>
      Promise.all([
        tx.run("insert into notes values (?, ?)", [1, text]),
        tx.query("select id from notes where text in (?)", [[text, "x"]]),
        tx.runText("update notes set text = concat(text, ?) where id = ?", ["!", 1]),
        tx.execute("select text from notes where id = ?", [1]),
      ])
    );
    assert.equal(answers[0].affectedRows, 1);
    assert.deepEqual(answers[1].map(({ id }) => id), [1]);
    assert.equal(answers[2].affectedRows, 1);
    assert.deepEqual(answers[3].map(({ text }) => text), [`${text}!`]);
    // Larger ones go one by one.
    const large = "x".repeat(150);
    const rows = Array.from({ length: 1_000 }, (_, n) => n + 2);
    await db.transaction((tx) =>
      Promise.all(rows.map((id) => tx.run("insert into notes values (?, ?)", [id, large])))
    );
    assert.equal((await notes(db)).length, 1_001);
  }));

Deno.test("the commit goes with the last statements, and is not run where one of them is refused", () =>
  withTable("statements_last", async (db, other) => {
    const insert = (tx: Queryable, id: number, rows: number) => {
      tx.asksLast?.(2);
      return Promise.all([
        tx.run("insert into notes values (?, 'a')", [id]),
        refuseUnless(tx, "(select count(*) from notes) = ?", [rows]),
      ]);
    };
    await db.transaction(async (tx) => {
      await tx.query("select id from notes for update");
      await insert(tx, 1, 1);
      assert.deepEqual(await notes(other), [[1, "a"]], "it is committed by now");
      await assert.rejects(tx.query("select 1"), /has asked for its last/);
    });
    await assert.rejects(db.transaction((tx) => insert(tx, 2, 3)), isRefused);
    assert.deepEqual(await notes(other), [[1, "a"]]);
    // Fewer than were told of: nobody knows what else comes.
    await db.transaction(async (tx) => {
      tx.asksLast?.(2);
      await tx.run("insert into notes values (2, 'b')");
      assert.deepEqual(await notes(other), [[1, "a"]]);
    });
    assert.equal((await notes(other)).length, 2);
  }));

Deno.test("reads that are asked for together go on one connection, outside of a transaction", () =>
  withTable("statements_reads", async (db, other) => {
    const read = await db.together(async (one) => {
      const both = await Promise.all([
        one.query("select connection_id() as id"),
        one.execute("select connection_id() as id, ? as text", ["x"]),
      ]);
      await other.run("insert into notes values (1, 'a')");
      return [...both, await one.query("select id from notes")];
    });
    assert.equal(read[0]![0]!.id, read[1]![0]!.id);
    assert.equal(read[2]!.length, 1);
  }));

Deno.test("of statements that are asked for together none is run after one that fails, and nothing stays", () =>
  withTable("statements_failing", async (db) => {
    await db.run("insert into notes values (1, 'a')");
    for (const length of [1, 70_000]) {
      await assert.rejects(
        db.transaction((tx) =>
          Promise.all([
            tx.run("insert into notes values (?, 'b')", [2]),
            tx.run("insert into notes values (1, left(?, 1))", ["c".repeat(length)]),
            tx.run("insert into notes values (?, 'd')", [3]),
          ])
        ),
        /Duplicate/,
      );
      assert.deepEqual(await notes(db), [[1, "a"]]);
    }
  }));

Deno.test("work that asks for all at once is committed with it, or not at all", () =>
  withTable("statements_once", async (db, other) => {
    const insert = (...ids: number[]) =>
      db.transaction(
        (tx) => Promise.all(ids.map((id) => tx.run("insert into notes values (?, 'a')", [id]))),
        { asksOnce: true },
      );
    await insert(1, 2);
    assert.equal((await notes(other)).length, 2);
    await assert.rejects(insert(3, 2), /Duplicate/);
    assert.equal((await notes(other)).length, 2);
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.run("insert into notes values (4, 'a')");
        throw new Error("changed its mind");
      }),
      /changed its mind/,
    );
    assert.equal((await notes(db)).length, 2);
  }));

Deno.test("the statement that work asks for last is committed with it, or not at all, and nothing comes after it", () =>
  withTable("statements_last", async (db, other) => {
    const insert = (tx: Queryable, id: number, text = "a") =>
      tx.run("insert into notes values (?, left(?, 1))", [id, text]);
    const isThere = async (id: number) => (await notes(other)).some(([known]) => known === id);
    let wasThere = false;
    const inserting = (id: number, last: (tx: Queryable) => Promise<unknown>) =>
      db.transaction(async (tx) => {
        await insert(tx, id);
        tx.asksLast?.();
        await last(tx);
        wasThere = await isThere(id);
      });
    await inserting(1, (tx) => insert(tx, 2));
    assert.ok(wasThere, "it was committed before the work was over");
    // Where it is too long to go together with it, the commit is a statement of its own.
    await inserting(11, (tx) => insert(tx, 12, "b".repeat(70_000)));
    assert.ok(!wasThere && await isThere(12));
    // Of several the commit waits: one of them may never have been asked for.
    await inserting(21, (tx) => Promise.all([insert(tx, 22), insert(tx, 23)]));
    assert.ok(!wasThere && await isThere(23));
    await assert.rejects(inserting(31, (tx) => insert(tx, 2)), /Duplicate/);
    assert.ok(!await isThere(31));
    await assert.rejects(
      inserting(41, async (tx) => [await insert(tx, 42), await insert(tx, 43)]),
      {
        message: "This transaction has asked for its last",
      },
    );
    assert.ok(await isThere(42) && !await isThere(43));
    const once = await db.transaction(async (tx) => {
      tx.asksLast?.();
      await insert(tx, 51);
      return await isThere(51);
    }, { repeatable: false });
    assert.ok(!once && await isThere(51), "a commit has to be known for one whose answer is lost");
  }));

Deno.test("nothing is sent of a transaction that a deadlock has ended", () =>
  withTable("statements_deadlock", async (db, other) => {
    await db.run("insert into notes values (1, 'a'), (2, 'a')");
    const [hasFirst, hasSecond] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let tries = 0;
    const one = db.transaction(async (tx) => {
      tries++;
      await tx.run("update notes set text = 'one' where id = 1");
      hasFirst.resolve();
      await hasSecond.promise;
      await Promise.all([
        // Long, so that it does not go together with what follows.
        tx.run("update notes set text = left(?, 3) where id = 2", ["one".repeat(30_000)]),
        tx.run("insert into notes values (?, 'step')", [9 + tries]),
      ]);
    });
    const two = other.transaction(async (tx) => {
      // It has written more, so the other one is ended.
      await tx.runText("insert into notes values (20, ''), (21, ''), (22, ''), (23, '')");
      await tx.run("update notes set text = 'two' where id = 2");
      hasSecond.resolve();
      await hasFirst.promise;
      await tx.run("update notes set text = 'two' where id = 1");
    });
    await Promise.all([one, two]);
    assert.equal(tries, 2);
    assert.deepEqual((await notes(db)).map(([id]) => id), [1, 2, 11, 20, 21, 22, 23]);
  }));

Deno.test("nothing is sent of a transaction that was rolled back while some of it was still to be asked for or sent", () =>
  withTable("statements_late", async (db) => {
    await db.run("insert into notes values (1, 'a')");
    let late: Promise<unknown> = Promise.resolve();
    const failing = db.transaction((tx) => {
      late = sleep(50).then(() => tx.run("insert into notes values (2, 'late')"));
      return Promise.all([tx.run("insert into notes values (1, 'b')"), late]);
    });
    await assert.rejects(failing, /Duplicate/);
    await assert.rejects(late, /Duplicate/);
    let others: Promise<unknown> = Promise.resolve();
    const changed = db.transaction(async (tx) => {
      // Long, so that they go one by one.
      const first = tx.run("insert into notes values (3, left(?, 1))", ["c".repeat(70_000)]);
      others = Promise.allSettled(
        [4, 5].map((id) => tx.run("insert into notes values (?, 'd')", [id])),
      );
      await first;
      throw new Error("changed its mind");
    });
    await assert.rejects(changed, /changed its mind/);
    await others;
    assert.deepEqual(await notes(db), [[1, "a"]]);
  }));

Deno.test("nothing is sent for a transaction that is committed", () =>
  withTable("statements_late", async (db) => {
    const late: Queryable[] = [];
    await db.transaction(async (tx) => {
      late.push(tx);
      await tx.run("insert into notes values (1, 'a')");
    });
    await assert.rejects(late[0]!.run("insert into notes values (2, 'b')"), /committed/);
    assert.deepEqual(await notes(db), [[1, "a"]]);
  }));
