import assert from "node:assert/strict";
import { applyKpis } from "../../../streams/kpis/kpis.ts";
import { holdRebuild, rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { scriptOfCall } from "../../../streams/redis/scripts.ts";
import { mendFigures } from "../../../streams/verification/mend_figures.ts";
import { withinOneDay } from "../../one_day.ts";
import { fromFileUrl, walk } from "../../sources.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

const root = fromFileUrl(new URL("../../../", import.meta.url));

/** What a script did that was watched. */
interface Watched {
  script: string;
  declared: ReadonlySet<string>;
  /** Keys of the commands that it ran. */
  touched: string[];
}

/** Commands of scripts that have no key, and those all of whose arguments are keys. */
const without = ["TIME", "INFO"], all = ["MGET", "DEL", "UNLINK", "EXISTS", "RENAME"];

function keysOf([name, ...args]: readonly string[]): string[] {
  const command = name!.toUpperCase();
  if (without.includes(command)) return [];
  if (all.includes(command)) return args;
  return [command === "XINFO" || command === "XGROUP" ? args[1]! : args[0]!];
}

/** Watches what the scripts do whose keys begin so, while `work` runs. */
async function watchScripts(
  url: string,
  prefix: string,
  work: () => Promise<void>,
): Promise<Watched[]> {
  const { hostname, port, password } = new URL(url);
  const socket = await Deno.connect({ hostname, port: Number(port) });
  await socket.write(new TextEncoder().encode(`AUTH ${password}\r\nMONITOR\r\n`));
  const watched: Watched[] = [];
  let current: Watched | undefined;
  // The commands of a script follow it, because nothing comes between.
  const watching = (async () => {
    for await (const line of linesOf(socket)) {
      const [, source, quoted] = /^\+[\d.]+ \[\d+ ([^\]]+)\] (.*)$/.exec(line) ?? [];
      if (quoted === undefined) continue;
      const args = [...quoted.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, arg]) => unescape(arg!));
      if (source === "lua") {
        current?.touched.push(...keysOf(args));
        continue;
      }
      current = undefined;
      if (args.includes(`${prefix}over`)) return;
      const script = scriptOfCall(args[0]!, args[1]);
      if (script === undefined) continue;
      const declared = new Set(args.slice(3, 3 + Number(args[2])));
      if (![...declared].some((key) => key.startsWith(prefix))) continue;
      current = { script, declared, touched: [] };
      watched.push(current);
    }
  })();
  try {
    await work();
    const client = await openRedis(url);
    await client.get(`${prefix}over`);
    client.disconnect();
    await watching;
  } catch (error) {
    // Whoever has read to the end has closed it.
    socket.close();
    throw error;
  }
  return watched;
}

const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };

/** A script that the server does not know yet is sent as text, in which a monitor shows no line's end. */
function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:x([0-9a-f]{2})|(.))/g,
    (_, hex, char) => hex ? String.fromCharCode(parseInt(hex, 16)) : escapes[char] ?? char,
  );
}

async function* linesOf(socket: Deno.Conn): AsyncGenerator<string> {
  let rest = "";
  for await (const text of socket.readable.pipeThrough(new TextDecoderStream("latin1"))) {
    const lines = (rest + text).split("\r\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Whatever makes a script touch keys that it puts together. */
async function workOf(flow: Workflow): Promise<void> {
  await flow.add([
    anOrder("one", [{ sku: "a", qty: 1 }]),
    anOrder("two", [{ sku: "a", qty: 2 }], { currency: "GBP" }),
    anOrder("short", [{ sku: "b", qty: 500 }]),
  ]);
  await flow.drain();
  await rebuildKpis(flow);
  const event = {
    kind: "paid",
    day: "2025-03-01",
    currency: "EUR",
    cents: 5,
    customerId: 1,
  } as const;
  await holdRebuild(flow, async (token) => {
    // Far from each other, in days, currencies and bitmaps that there are and that there are not.
    await applyKpis(flow, [
      { ...event, orderId: 7 },
      { ...event, orderId: 5_000_000, currency: "JPY", day: "2025-03-02" },
      { ...event, kind: "refunded", refundId: 6 },
      { ...event, kind: "failed", orderId: 8, retry: { id: 3, undoes: true } },
      { ...event, kind: "failed", orderId: 8, retry: { id: 4, undoes: false } },
    ]);
    await applyKpis(flow, [{ ...event, orderId: 9, currency: "CHF" }], token);
  });
  await rebuildKpis(flow);
  const today = await withinOneDay();
  await flow.redis.incrby(flow.keys.kpiFigure(today, "EUR", "order_count"), 7);
  await flow.redis.del(flow.keys.leaderboard("GBP"));
  assert.ok((await mendFigures(flow)).figures > 0);
}

Deno.test("every script declares each key that it touches", async () => {
  const flow = await openWorkflow("declared_keys");
  try {
    const watched = await watchScripts(
      flow.test.redisUrl,
      flow.test.redisPrefix,
      () => workOf(flow),
    );
    const undeclared = new Set(
      watched.flatMap(({ script, declared, touched }) =>
        touched.filter((key) => !declared.has(key)).map((key) =>
          `${script}: ${key.slice(flow.test.redisPrefix.length)}`
        )
      ),
    );
    assert.deepEqual([...undeclared], []);
    // What names its keys by KEYS alone needs no watch.
    const seen = new Set(watched.map(({ script }) => script));
    for await (const file of walk(`${root}streams`, /\.lua$/)) {
      const name = file.replace(/^.*\/|\.lua$/g, "");
      const others = await callsByName(file);
      assert.ok(others.length === 0 || seen.has(name), `${name} was not watched: ${others}`);
    }
  } finally {
    await flow.close();
  }
});

/** The calls of a script whose key is no element of KEYS on the face of it. */
async function callsByName(file: string): Promise<string[]> {
  const text = (await Deno.readTextFile(file)).replaceAll(/--.*$/gm, "");
  const calls = text.matchAll(
    /\bp?call\('([A-Z]+)'(?:, '(?:GROUPS|STREAM|CONSUMERS|DELCONSUMER)')?,? ?([^,)]*)/g,
  );
  return [...calls].flatMap(([call, command, first]) =>
    without.includes(command!) || /^(KEYS\[\w+\]|unpack\(KEYS)/.test(first!) ? [] : [call]
  );
}
