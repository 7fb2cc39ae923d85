import assert from "node:assert/strict";
import type { Queryable } from "../../../db/connection/database.ts";
import { readParts } from "../../../streams/verification/read_parts.ts";
import { withWorkflow } from "../../workflow.ts";

const connectionOf = async (tx: Queryable) => {
  const [row] = await tx.query("select connection_id() as id");
  return Number(row!.id);
};

Deno.test("readParts() reads each part once, whichever of two connections is free", () =>
  withWorkflow("read_parts", async ({ db }) => {
    const short = Promise.withResolvers<void>();
    const read: string[] = [];
    const part = (name: string, until?: Promise<void>) => async (tx: Queryable) => {
      const id = await connectionOf(tx);
      await until;
      read.push(name);
      if (name === "c") short.resolve();
      return id;
    };
    const { a, b, c } = readParts(db, {
      a: part("a", short.promise),
      b: part("b"),
      c: part("c"),
    });
    const [first, second, third] = await Promise.all([a, b, c]);
    assert.deepEqual(read, ["b", "c", "a"]);
    assert.notEqual(first, second);
    assert.equal(second, third);
  }));

Deno.test("readParts() reads the part again at which a connection was lost, and no other", () =>
  withWorkflow("read_parts_lost", async ({ db }) => {
    const read: string[] = [];
    let lose = true;
    const part = (name: string) => async (tx: Queryable) => {
      read.push(name);
      const id = await connectionOf(tx);
      if (name === "second" && lose) {
        lose = false;
        await db.runText(`kill ${id}`);
      }
      await tx.query("select 1");
      return name;
    };
    const parts = readParts(db, { first: part("first"), second: part("second") });
    assert.deepEqual(await Promise.all([parts.first, parts.second]), ["first", "second"]);
    assert.deepEqual(read.toSorted(), ["first", "second", "second"]);
  }));

Deno.test("readParts() fails whole where a part can't be read", () =>
  withWorkflow("read_parts_fails", async ({ db }) => {
    const fails = () => Promise.reject(new Error("can't be read"));
    const parts = readParts(db, { a: fails, b: fails, c: connectionOf });
    const ends = await Promise.allSettled([parts.a, parts.b, parts.c]);
    assert.deepEqual(ends.slice(0, 2).map(({ status }) => status), ["rejected", "rejected"]);
    await assert.rejects(Promise.all([parts.a, parts.b, parts.c]), /can't be read/);
  }));
