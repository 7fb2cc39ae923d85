import assert from "node:assert/strict";
import { makeApp } from "../../../routes/app.ts";
import { csvOf, manyRows } from "../../csv_orders.ts";
import { type Api, openApi, orderBodyOf, recordedLog } from "../api.ts";
import { close, type RawServer, readAll, serveRaw } from "../hostile/raw_http.ts";

/** Connections that are left half open: what some tens of thousands would be to a larger machine. */
const halfOpen = 2_000;

const recorded = recordedLog();
let api: Api;
let server: RawServer;
Deno.test.beforeAll(async () => {
  api = await openApi("slow_clients", {}, recorded.log);
  const bodyTimes = { wholeMs: 300, fileMs: 300 };
  server = serveRaw(makeApp({ ...api.deps, bodyTimes }));
});
Deno.test.afterAll(async () => {
  await server.close();
  await api.close();
});

const host = "Host: localhost\r\n";
const json = `POST /orders HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;
const csv = `POST /imports HTTP/1.1\r\n${host}Content-Type: text/csv\r\n`;
const file = csvOf(manyRows(20));

/** Sends a byte now and then until the server answers; what it said. */
async function drip(head: string, piece: string): Promise<string> {
  const connection = await server.open(head);
  const bytes = new TextEncoder().encode(piece);
  const timer = setInterval(() => connection.write(bytes).catch(() => {}), 20);
  try {
    return (await readAll(connection, 5_000, /}$/)).text;
  } finally {
    clearInterval(timer);
    close(connection);
  }
}

async function post(path: string, type: string, body: string): Promise<Response> {
  const url = `http://127.0.0.1:${server.port}${path}`;
  return await fetch(url, { method: "POST", headers: { "content-type": type }, body });
}

Deno.test("a body that comes byte by byte is cut off with 408", async () => {
  const heads = [
    [`${json}Content-Length: 5000\r\n\r\n{`, " "],
    [`${json}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`, "1\r\n \r\n"],
    [
      `POST /sign-in HTTP/1.1\r\n${host}Content-Type: application/x-www-form-urlencoded\r\n` +
      "Content-Length: 5000\r\n\r\n",
      "a",
    ],
    [`${csv}Content-Length: 500000\r\n\r\n${file}`, "x"],
    [`${csv}Transfer-Encoding: chunked\r\n\r\n`, "1\r\nx\r\n"],
  ] as const;
  const answers = await Promise.all(heads.map(([head, piece]) => drip(head, piece)));
  answers.forEach((text, index) => {
    assert.match(text, /^HTTP\/1\.1 408 /, `${heads[index]![0]} → ${text}`);
    assert.match(text, /application\/problem\+json/);
    assert.match(text, /connection: close/i);
  });
});

Deno.test("slow files give back their places", async () => {
  const slow = Array.from({ length: 8 }, () => drip(`${csv}Content-Length: 500000\r\n\r\n`, "x"));
  const answers = (await Promise.all(slow)).map((text) => text.slice(9, 12)).sort();
  assert.deepEqual([...new Set(answers)], ["408", "503"]);
  const taken = await post("/imports?dry_run=1", "text/csv", file);
  assert.equal(taken.status, 202, await taken.text());
});

Deno.test("a body that takes its time but comes is taken", async () => {
  const body = JSON.stringify(orderBodyOf());
  const connection = await server.open(
    `${json}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  for (const part of [body.slice(0, 10), body.slice(10, 40), body.slice(40)]) {
    await connection.write(new TextEncoder().encode(part));
    await server.livezMs();
  }
  const { text } = await readAll(connection, 5_000);
  close(connection);
  assert.match(text, /^HTTP\/1\.1 202 /);
});

/** Files that this process has open; both ends of a connection are among them. */
async function openFiles(): Promise<number> {
  const list = new Deno.Command("ls", { args: [`/proc/${Deno.pid}/fd`] });
  return new TextDecoder().decode((await list.output()).stdout).split("\n").length;
}

Deno.test("thousands of half-open requests delay nobody and leave nothing", async () => {
  await server.livezMs();
  const before = await openFiles();
  const rssBefore = Deno.memoryUsage().rss;
  const heads = [
    "",
    "GET /orders HTTP/1.1\r\n",
    `GET /orders HTTP/1.1\r\n${host}X: `,
    `${json}Content-Length: 1000000\r\n\r\n{"external_order_id"`,
    `${json}Transfer-Encoding: chunked\r\n\r\nfffff\r\n{`,
  ];
  const connections: Deno.TcpConn[] = [];
  for (let n = 0; n < halfOpen; n += 100) {
    connections.push(
      ...await Promise.all(
        Array.from({ length: 100 }, (_, k) => server.open(heads[(n + k) % heads.length]!)),
      ),
    );
  }
  const waits: number[] = [];
  for (let n = 0; n < 20; n++) waits.push(await server.livezMs());
  const taken = await post("/orders", "application/json", JSON.stringify(orderBodyOf()));
  assert.equal(taken.status, 202, await taken.text());
  assert.ok(Math.max(...waits) < 3_000, `an answer took ${Math.max(...waits)} ms`);
  const isLinux = Deno.build.os === "linux";
  const open = isLinux ? await openFiles() - before : halfOpen;
  assert.ok(open >= halfOpen, `only ${open} files are open`);
  const rss = Deno.memoryUsage().rss - rssBefore;
  assert.ok(rss < halfOpen * 131_072, `${halfOpen} connections took ${rss} bytes`);

  connections.forEach(close);
  for (let looks = 0; isLinux && await openFiles() > before + 20; looks++) {
    assert.ok(looks < 100, `${await openFiles() - before} files are still open`);
  }
});

Deno.test("clients that never read, or go away in the middle, hold no places", async () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\n`;
  const live = get("/dashboard/live");
  const watching = await Promise.all(Array.from({ length: 200 }, () => server.open(live)));
  const begun = await Promise.all(watching.map((one) => readAll(one, 20_000, /event: /)));
  for (const { text } of begun) assert.match(text, /^HTTP\/1\.1 200 /);
  const refused = await server.ask(live.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  assert.match(refused.text, /^HTTP\/1\.1 503 [^]*retry-after: 30/i);
  const silent = await Promise.all(
    Array.from({ length: 100 }, () => server.open(get("/docs/swagger-ui.css").repeat(20))),
  );
  assert.ok(await server.livezMs() < 3_000);
  [...watching, ...silent].forEach(close);
  const until = performance.now() + 10_000;
  for (;;) {
    const again = await server.open(live);
    const { text } = await readAll(again, 5_000, /event: |}$|open$/);
    close(again);
    if (text.startsWith("HTTP/1.1 200 ")) break;
    assert.ok(performance.now() < until, "places stay taken");
  }
});

Deno.test("none of it is an error of the program", () => {
  const errors = recorded.lines.filter((line) => JSON.parse(line).level === "error");
  assert.deepEqual(errors, []);
});
