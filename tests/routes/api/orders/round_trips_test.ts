import assert from "node:assert/strict";
import { ask, openApi, orderBodyOf } from "../../api.ts";
import { migrate } from "../../../../db/connection/migrate.ts";
import { testContext } from "../../../support.ts";

/** Longer than it takes to ask for several things at once. */
const answerDelayMs = 40;

/** A relay in front of the database that counts how often somebody has waited for its answers. */
function startRelay(url: string) {
  const target = new URL(url);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let packets = 0, rounds = 0, isAnswered = true;
  const pump = async (
    from: Deno.Conn,
    to: Deno.Conn,
    before: () => void | Promise<void>,
  ): Promise<void> => {
    const buffer = new Uint8Array(65_536);
    try {
      for (let size = await from.read(buffer); size !== null; size = await from.read(buffer)) {
        await before();
        for (let sent = 0; sent < size;) sent += await to.write(buffer.subarray(sent, size));
      }
    } catch {
      // One side is gone, so the other has to go too.
    }
    for (const connection of [from, to]) if (connections.delete(connection)) connection.close();
  };
  (async () => {
    for await (const client of listener) {
      client.setNoDelay(true);
      const server = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
      connections.add(client).add(server);
      pump(client, server, () => {
        packets++;
        if (isAnswered) rounds++;
        isAnswered = false;
      });
      pump(server, client, async () => {
        await new Promise((resolve) => setTimeout(resolve, answerDelayMs));
        isAnswered = true;
      });
    }
  })();
  const relayed = new URL(url);
  relayed.port = String(listener.addr.port);
  return {
    url: relayed.href,
    /** What has happened since it was asked last. */
    count() {
      const counted = { packets, rounds };
      packets = rounds = 0;
      return counted;
    },
    close() {
      listener.close();
      for (const connection of connections) connection.close();
      connections.clear();
    },
  };
}

Deno.test("POST /orders waits for its engines at most six times, one after another: five for the database, then for Redis", async () => {
  const test = await testContext("round_trips");
  await migrate(test.databaseUrl);
  const relay = startRelay(test.databaseUrl);
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
    assert.ok(ofKnown.rounds <= 4 + unwaited, JSON.stringify(ofKnown));
    assert.ok(ofNew.rounds <= 5 + 2 * unwaited, JSON.stringify(ofNew));
  } finally {
    await api.close();
    relay.close();
    await test.close();
  }
});
