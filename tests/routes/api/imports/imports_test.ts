import { anOperator } from "../../../operator.ts";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import {
  createImport,
  interruptImports,
  readImport,
  touchImport,
} from "../../../../db/imports/imports.ts";
import type { RejectReason } from "../../../../domain/import/reject_reasons.ts";
import { makeApp } from "../../../../routes/app.ts";
import { importRuns } from "../../../../services/imports/import_runs.ts";
import { importOrders } from "../../../../streams/imports/orders_import.ts";
import { csvOf, manyRows, sourceOf } from "../../../csv_orders.ts";
import { type Answer, type Api, ask, assertProblem, openApi } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("imports_routes");
});
Deno.test.afterAll(() => api.close());

let files = 0;

Deno.test("a small archive may not unpack to very much", async () => {
  const before = await counts();
  const runs = importRuns(api.deps, { rows: 1_000, unpackedBytes: 1_000_000 });
  const start = (text: string) =>
    runs.start({
      source: new Blob([gzipSync(text)]).stream(),
      name: "packed",
      dryRun: false,
      keepGoodRows: false,
      operator: anOperator("api"),
      only: undefined,
      token: null,
    });
  const empty = `${fileOf(1)}${"\n".repeat(5_000_000)}`;
  await assert.rejects(start(empty), {
    code: "invalid",
    message: /at most 1000000 bytes once it is unpacked/,
  });
  await assert.rejects(start(fileOf(1_001)), { code: "invalid", message: /at most 1000 rows/ });
  assert.deepEqual(await counts(), before);
});

Deno.test("GET /imports/{id}/events has places for so many followers", async () => {
  const id = await createImport(api.deps.db, "followed");
  const follow = () => api.app.request(`/imports/${id}/events`);
  const followers = await Promise.all(Array.from({ length: 200 }, follow));
  assert.ok(followers.every(({ status }) => status === 200));
  const refused = await answerOf(follow());
  assertProblem(refused, 503, "unavailable");
  assert.ok(refused.headers.get("retry-after"));
  await Promise.all(followers.map(({ body }) => body!.cancel()));
  // A follower that left gives its place back when its stream has ended, some turns later.
  let next = await follow();
  for (let tries = 0; next.status === 503 && tries < 100; tries++) {
    await next.body!.cancel();
    await new Promise(setImmediate);
    next = await follow();
  }
  assert.equal(next.status, 200);
  await next.body!.cancel();
});

/** A file of so many orders that no other test knows, one item each. */
function fileOf(orders: number, changes: Record<string, string> = {}): string {
  const file = ++files;
  return csvOf(
    Array.from({ length: orders }, (_, n) => ({ external_order_id: `f${file}-${n}`, ...changes })),
  );
}

function send(
  body: BodyInit,
  { type = "text/csv", query = "", headers = {} }: {
    type?: string;
    query?: string;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  return answerOf(api.app.request(`/imports${query}`, {
    method: "POST",
    body,
    headers: { ...(type === "" ? {} : { "content-type": type }), ...headers },
  }));
}

async function answerOf(asked: Response | Promise<Response>): Promise<Answer> {
  const response = await asked;
  const { status, headers } = response;
  const text = await response.text();
  return { status, headers, body: text === "" ? null : JSON.parse(text) };
}

/** Follows an import to its end; the events are looked at twice a second, so this does not busy-wait. */
async function endOf(id: number): Promise<{ body: Record<string, unknown>; events: string[] }> {
  const response = await api.app.request(`/imports/${id}/events`);
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  const text = await response.text();
  const events = [...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name!);
  assert.equal(events.at(-1), "end");
  const { body } = await ask(api, "GET", `/imports/${id}`);
  return { body, events };
}

async function counts() {
  const [row] = await api.deps.db.query(`
    select (select count(*) from orders) as orders, (select count(*) from products) as products,
      (select count(*) from customers) as customers, (select count(*) from imports) as imports`);
  return row!;
}

Deno.test("POST /imports takes a CSV, answers where to look, and imports it", async () => {
  const answer = await send(fileOf(5), { query: "?name=orders.csv" });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get("location"), `/imports/${answer.body.id}`);
  assert.equal(answer.body.source, "orders.csv");
  const { body } = await endOf(answer.body.id);
  const { created_at, finished_at, ...rest } = body;
  assert.match(String(created_at), /Z$/);
  assert.match(String(finished_at), /Z$/);
  assert.deepEqual(rest, {
    id: answer.body.id,
    source: "orders.csv",
    dry_run: false,
    profile: null,
    plan: null,
    actor: "api",
    status: "DONE",
    cancel_requested: false,
    cancelled_by: null,
    error: null,
    reasons: [],
    rows: 5,
    rows_rejected: 0,
    orders: 5,
    orders_new: 5,
    orders_updated: 0,
    orders_unchanged: 0,
    orders_rejected: 0,
    orders_conflict: 0,
    orders_skipped: 0,
    published: 5,
    money: null,
  });
  const rows = await api.deps.db.query(
    "select distinct actor from order_events where actor like ?",
    [
      `api import:${answer.body.id}`,
    ],
  );
  assert.equal(rows.length, 1);
});

Deno.test("POST /imports takes gzip and forms, declared or not", async () => {
  const zipped = (orders: number) => new Blob([gzipSync(fileOf(orders))]);
  const form = (file: BlobPart, name: string) => {
    const data = new FormData();
    data.append("note", "not the file");
    data.append("file", new Blob([file]), name);
    data.append("after", "x".repeat(100_000));
    return data;
  };
  const answers = [
    await send(zipped(1), { type: "application/gzip" }),
    await send(zipped(2), { headers: { "content-encoding": "gzip" } }),
    await send(form(fileOf(3), "three.csv"), { type: "" }),
    await send(form(gzipSync(fileOf(4)), "four.csv.gz"), { type: "" }),
  ];
  const names = ["upload", "upload", "three.csv", "four.csv.gz"];
  for (const [index, { status, body }] of answers.entries()) {
    assert.equal(status, 202);
    const end = await endOf(body.id);
    assert.equal(end.body.orders_new, index + 1);
    assert.equal(end.body.source, names[index]);
  }
});

Deno.test("POST /imports?dry_run=true tells what would become of a file and changes nothing", async () => {
  const file = fileOf(3);
  const before = await counts();
  const { status, body: { id } } = await send(file, { query: "?dry_run=true" });
  assert.equal(status, 202);
  const { body } = await endOf(id);
  assert.deepEqual([body.status, body.dry_run, body.orders_new, body.published], [
    "DONE",
    true,
    3,
    0,
  ]);
  assert.deepEqual(body.money, [{
    currency: "EUR",
    orders: 3,
    sum_cents: 600,
    smallest_cents: 200,
    median_cents: 200,
    largest_cents: 200,
  }]);
  assert.deepEqual(await counts(), { ...before, imports: Number(before.imports) + 1 });
});

Deno.test("a dry run keeps no rejects: the import itself tells why rows would not be taken", async () => {
  const rows = manyRows(300).map((row, index) => ({
    ...row,
    qty: index % 3 === 0 ? "x" : 1,
    currency: index % 2 === 0 ? "EU" : "EUR",
  }));
  const before = await counts();
  const { body: { id } } = await send(csvOf(rows), { query: "?dry_run=true" });
  const { body } = await endOf(id);
  assert.equal(body.rows_rejected, rows.length);
  const [stored] = await api.deps.db.query(
    "select count(*) as n from import_rejects where import_id = ?",
    [id],
  );
  assert.equal(Number(stored!.n), 0);
  assert.deepEqual(await counts(), { ...before, imports: Number(before.imports) + 1 });
  const reasons = body.reasons as RejectReason[];
  const of = (reason: RegExp) => reasons.find((one) => reason.test(one.reason))!;
  assert.deepEqual([of(/^qty: /).rows, of(/^qty: /).line], [Math.ceil(rows.length / 3), 2]);
  assert.equal(of(/^currency: /).rows, Math.ceil(rows.length / 2));
  const sizes = reasons.map(({ rows }) => rows);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a));
  const rejects = await ask(api, "GET", `/imports/${id}/rejects`);
  assertProblem(rejects, 409, "import-has-no-rejects");
  assert.match(rejects.body.detail, /was a dry run/);
  const page = await (await api.app.request(`/dashboard/imports/${id}`)).text();
  assert.match(page, /Why rows would be rejected/);
  assert.doesNotMatch(page, /Download rejects/);
});

Deno.test("an import's page tells why rows were rejected, of a file and of a command that kept no rows", async () => {
  const file = fileOf(2, { qty: "0" });
  const { body: { id } } = await send(file);
  await endOf(id);
  const pageOf = async (id: unknown) =>
    await (await api.app.request(`/dashboard/imports/${id}`)).text();
  const ofFile = await pageOf(id);
  assert.match(ofFile, /Why rows were rejected/);
  assert.match(ofFile, /Download rejects/);
  assert.doesNotMatch(ofFile, /--rejects=FILE/);
  await importOrders(api.deps, sourceOf(fileOf(2, { qty: "0" })), {
    name: "command.csv",
    initialStock: 50,
  });
  const [row] = await api.deps.db.query("select max(id) as id from imports");
  const ofCommand = await pageOf(row!.id);
  assert.match(ofCommand, /Why rows were rejected/);
  assert.match(ofCommand, /qty: must be an integer/);
  assert.match(ofCommand, /a command writes them with <code>--rejects=FILE/);
});

Deno.test("GET /imports/{id}/rejects gives the rows that were not taken, to be corrected", async () => {
  const good = fileOf(1);
  const bad = fileOf(2, { qty: "0", customer_name: 'Ann "Q", Ltd' });
  const { body: { id } } = await send(good + bad.slice(bad.indexOf("\n") + 1));
  const { body } = await endOf(id);
  assert.deepEqual([body.orders_new, body.orders_rejected, body.rows_rejected], [1, 2, 2]);
  const response = await api.app.request(`/imports/${id}/rejects`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type")!, /^text\/csv/);
  const disposition = response.headers.get("content-disposition");
  assert.equal(disposition, `attachment; filename="import-${id}-rejects.csv"`);
  const csv = await response.text();
  const lines = csv.trim().split("\n");
  assert.match(lines[0]!, /^external_order_id,.*,line,reason$/);
  assert.match(lines[1]!, /"Ann ""Q"", Ltd".*,3,.*qty/);
  assert.equal(lines.length, 3);
  const mended = await send(csv.replaceAll(",0,", ",1,"));
  assert.equal((await endOf(mended.body.id)).body.orders_new, 2);

  const none = await send(fileOf(1));
  await endOf(none.body.id);
  const empty = await api.app.request(`/imports/${none.body.id}/rejects`);
  assert.equal((await empty.text()).trim().split("\n").length, 1);
});

Deno.test("POST /imports takes items away from a pending order only with replace=true", async () => {
  const name = `less-${crypto.randomUUID()}`;
  const rows = ["TV", "CABLE"].map((product_sku) => ({ external_order_id: name, product_sku }));
  await endOf((await send(csvOf(rows))).body.id);
  const less = csvOf(rows.slice(1));
  for (const query of ["", "?replace=false", "?dry_run=true"]) {
    const { body: { id } } = await send(less, { query });
    assert.equal((await endOf(id)).body.orders_conflict, 1);
    const rejects = await (await api.app.request(`/imports/${id}/rejects`)).text();
    if (!query.includes("dry_run")) {
      assert.match(rejects, /replace=true over HTTP\) takes them away$/m);
    }
  }
  const { body: { id } } = await send(less, { query: "?replace=true" });
  assert.equal((await endOf(id)).body.orders_updated, 1);
  const [row] = await api.deps.db.query(
    "select total_cents from orders where external_order_id = ?",
    [name],
  );
  assert.equal(Number(row!.total_cents), 200);
});

Deno.test("POST /imports gives back all rows of an order of which one was left out, disarmed", async () => {
  const rows = ["=TV()", "CABLE"].map((product_sku, index) => ({
    external_order_id: "@kept",
    product_sku,
    qty: index === 0 ? "1" : "x2",
  }));
  const { body: { id } } = await send(csvOf(rows), { query: "?keep_good_rows=true" });
  const { body } = await endOf(id);
  assert.deepEqual([body.orders_new, body.rows_rejected], [1, 2]);
  const csv = await (await api.app.request(`/imports/${id}/rejects`)).text();
  assert.deepEqual(csv.trim().split("\n").slice(1).map((line) => line.split(",").slice(0, 1)), [
    ["'@kept"],
    ["'@kept"],
  ]);
  assert.match(csv, /,'=TV\(\),/);
  const mended = await send(csv.replace(",x2,", ",2,"));
  assert.equal((await endOf(mended.body.id)).body.orders_updated, 1);
});

Deno.test("POST /imports refuses a row with an item and no order, and leaves nothing", async () => {
  const before = await counts();
  const answer = await send(fileOf(2).replace(/\nf\d+-1,/, "\n,"));
  assertProblem(answer, 422, "invalid");
  assert.match(answer.body.detail, /line 3: has an item but no external_order_id/);
  assert.deepEqual(await counts(), before);
});

Deno.test("rejects of a large file come in many pieces and lose nothing", async () => {
  const rows = manyRows(6_000).map((row) => ({ ...row, qty: "x", product_name: "n".repeat(200) }));
  const { body: { id } } = await send(csvOf(rows));
  const { body } = await endOf(id);
  assert.equal(body.rows_rejected, rows.length);
  const [stored] = await api.deps.db.query(
    "select count(*) as n from import_rejects where import_id = ?",
    [id],
  );
  assert.ok(Number(stored!.n) > 2);
  const response = await api.app.request(`/imports/${id}/rejects`);
  const lines = (await response.text()).trim().split("\n");
  assert.equal(lines.length, rows.length + 1);
  const place = lines[0]!.split(",").indexOf("line");
  const seen = new Set(lines.slice(1).map((line) => line.split(",")[place]));
  assert.equal(seen.size, rows.length);
});

Deno.test("POST /imports rejects the order of a broken row, and takes the others", async () => {
  const broken = fileOf(2).replace("Product", '"Product');
  const { status, body: { id } } = await send(broken);
  assert.equal(status, 202);
  const { body } = await endOf(id);
  assert.deepEqual([body.orders_new, body.orders_rejected, body.rows_rejected], [1, 1, 1]);
  const csv = await (await api.app.request(`/imports/${id}/rejects`)).text();
  assert.match(csv, /quotation mark/);
});

Deno.test("POST /imports refuses what is no CSV of orders, with the line, and leaves nothing", async () => {
  const before = await counts();
  const cases: [BodyInit, number, RegExp][] = [
    ["", 422, /empty|header/],
    ["a,b\n1,2\n", 422, /missing/],
    [gzipSync(fileOf(100)).subarray(0, 100), 422, /gzip/],
  ];
  for (const [body, status, detail] of cases) {
    const answer = await send(body);
    assertProblem(answer, status, "invalid");
    assert.match(answer.body.detail, detail);
  }
  assert.deepEqual(await counts(), before);
});

Deno.test("POST /imports refuses other types, forms without a file and senseless parameters", async () => {
  const file = fileOf(1);
  for (const type of ["application/json", "text/html", "application/pdf", ""]) {
    assertProblem(await send(new Blob([file]), { type }), 415);
  }
  assertProblem(await send(file, { headers: { "content-encoding": "br" } }), 415);
  for (const query of ["?dry_run=perhaps", "?initial_stock=-1", "?keep_good_rows=2"]) {
    assertProblem(await send(file, { query }), 400, "bad-request");
  }
  const type = "multipart/form-data; boundary=b";
  const forms = [
    "",
    "no form",
    "--b--\r\n",
    '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nvalue\r\n--b--\r\n',
    `--b\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
    "--b\r\n\r\n\r\n".repeat(600),
    `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n${"y".repeat(70_000)}\r\n--b--\r\n`,
    `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n${"y".repeat(60_000)}\r\n`.repeat(5),
  ];
  for (const form of forms) {
    assertProblem(await send(form, { type }), 400, "bad-request");
  }
});

Deno.test("a form may have a field for each column of its file before it", async () => {
  const form = new FormData();
  for (let place = 0; place < 400; place++) form.append(`column.${place}`, "nothing");
  form.append("file", new File([fileOf(1)], "f.csv"));
  const sent = await api.app.request("/imports?dry_run=true", { method: "POST", body: form });
  assert.equal(sent.status, 202, await sent.text());
});

Deno.test("a form that says what belongs into the address is refused, instead of importing otherwise than it is meant", async () => {
  const before = await counts();
  for (const name of ["dry_run", "preview", "dryRun", "keep-good-rows", "plan", "replace"]) {
    for (const place of ["before", "behind", "further behind"]) {
      const form = new FormData();
      if (place === "before") form.append(name, "true");
      form.append("file", new File([fileOf(1)], "f.csv"));
      if (place === "further behind") form.append("comment", "tried first");
      if (place !== "before") form.append(name, "true");
      const answer = await answerOf(
        api.app.request("/imports", { method: "POST", body: form }),
      );
      assertProblem(answer, 400, "bad-request");
      assert.match(answer.body.detail, /say it in the address, \?\w+=…$/);
    }
  }
  assert.deepEqual(await counts(), before);
  const form = new FormData();
  form.append("comment", "tried first");
  form.append("file", new File([fileOf(1)], "f.csv"));
  form.append("submit", "Send");
  const taken = await answerOf(api.app.request("/imports", { method: "POST", body: form }));
  assert.equal(taken.status, 202, JSON.stringify(taken.body));
  await endOf(taken.body.id);
});

Deno.test("a form that ends within its file is no file", async () => {
  const before = await counts();
  const head = '--b\r\ncontent-disposition: form-data; name="f"; filename="f.csv"\r\n\r\n';
  const type = "multipart/form-data; boundary=b";
  for (const end of ["", "\r\n", "\r\n--", "\r\n--c--"]) {
    const answer = await send(head + fileOf(2) + end, { type });
    assert.ok(answer.status === 400 || answer.status === 422, `${end} ${answer.status}`);
  }
  assert.deepEqual(await counts(), before);
  const whole = await send(`${head}${fileOf(2)}\r\n--b--`, { type });
  assert.equal((await endOf(whole.body.id)).body.orders_new, 2);
});

Deno.test("POST /imports repeats its answer for a key and the same file, however it is sent", async () => {
  const file = fileOf(3);
  const headers = { "idempotency-key": crypto.randomUUID() };
  const first = await send(file, { headers });
  await endOf(first.body.id);
  const before = await counts();
  const again = await send(file, { headers });
  assert.equal(again.status, 202);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(again.body, first.body);
  const form = new FormData();
  form.append("file", new Blob([file]), "again.csv");
  assert.deepEqual((await send(form, { type: "", headers })).body, first.body);
  for (const [body, query] of [[fileOf(3), ""], [file, "?dry_run=true"]] as const) {
    assertProblem(await send(body, { headers, query }), 422, "idempotency-key-reused");
  }
  assert.deepEqual(await counts(), before);
});

Deno.test("POST /imports/{id}/cancel ends an import between two batches", async () => {
  const { body: { id } } = await send(csvOf(manyRows(30_000)));
  const cancel = () =>
    ask(api, "POST", `/imports/${id}/cancel`, undefined, { "idempotency-key": `cancel-${id}` });
  const cancelled = await cancel();
  assert.equal(cancelled.status, 202);
  assert.equal(cancelled.body.cancel_requested, true);
  assert.equal(cancelled.body.cancelled_by, "api");
  const { body } = await endOf(id);
  assert.equal(body.status, "CANCELLED");
  assert.ok(Number(body.orders) < 30_000, String(body.orders));
  const again = await cancel();
  assert.deepEqual(again.body, cancelled.body, "the first answer, again");
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  const [row] = await api.deps.db.query("select count(*) as n from order_events where actor = ?", [
    `api import:${id}`,
  ]);
  assert.ok(Number(row!.n) >= Number(body.orders_new), "what was written is counted at the most");
  const rejects = await ask(api, "GET", `/imports/${id}/rejects`);
  assertProblem(rejects, 409, "import-has-no-rejects");
  assert.equal((await ask(api, "POST", `/imports/${id}/cancel`)).status, 202, "twice is no matter");
  const done = await send(fileOf(1));
  await endOf(done.body.id);
  const late = await ask(api, "POST", `/imports/${done.body.id}/cancel`);
  assertProblem(late, 409, "import-not-cancellable");
});

Deno.test("an import that another process runs is cancelled as well", async () => {
  const other = makeApp(api.deps);
  const { body: { id } } = await send(csvOf(manyRows(60_000)));
  const cancelled = await ask({ app: other }, "POST", `/imports/${id}/cancel`);
  assert.equal(cancelled.status, 202);
  assert.equal((await endOf(id)).body.status, "CANCELLED");
});

Deno.test("an import whose process died is INTERRUPTED, and can be cancelled", async () => {
  const id = await createImport(api.deps.db, "dead.csv");
  assert.equal((await readImport(api.deps.db, id))!.status, "RUNNING");
  await api.deps.db.run(
    "update imports set updated_at = current_timestamp(6) - interval 61 second where id = ?",
    [id],
  );
  assert.equal((await ask(api, "GET", `/imports/${id}`)).body.status, "INTERRUPTED");
  await ask(api, "POST", `/imports/${id}/cancel`);
  const { body } = await ask(api, "GET", `/imports/${id}`);
  assert.equal(body.status, "CANCELLED");
  assert.notEqual(body.finished_at, null);
});

Deno.test("interruptImports() marks runs whose processes are gone, and a living one goes on", async () => {
  const { db } = api.deps;
  const [dead, frozen, young] = [
    await createImport(db, "dead.csv"),
    await createImport(db, "frozen.csv"),
    await createImport(db, "young.csv"),
  ];
  await db.run(
    "update imports set updated_at = current_timestamp(6) - interval 61 second where id in (?, ?)",
    [dead, frozen],
  );
  assert.equal(await interruptImports(db), 2);
  assert.equal(await interruptImports(db), 0);
  const rows = await db.query(
    "select id, status, finished_at = updated_at as ended from imports where id in (?)",
    [[dead, frozen, young]],
  );
  assert.deepEqual(rows.map(({ status, ended }) => [status, ended]), [
    ["INTERRUPTED", 1],
    ["INTERRUPTED", 1],
    ["RUNNING", null],
  ]);
  const { body } = await ask(api, "GET", `/imports/${dead}`);
  assert.equal(body.status, "INTERRUPTED");
  assert.notEqual(body.finished_at, null);
  // Its process stood still and is back.
  assert.equal(await touchImport(db, frozen), false);
  const back = await readImport(db, frozen);
  assert.deepEqual([back!.status, back!.finishedAt], ["RUNNING", null]);
  const cancelled = await ask(api, "POST", `/imports/${dead}/cancel`);
  assert.equal(cancelled.body.status, "CANCELLED");
  await touchImport(db, dead);
  assert.equal((await readImport(db, dead))!.status, "CANCELLED");
});

Deno.test("several imports run at once, and one too many is told to wait", async () => {
  const slow = Array.from({ length: 4 }, () => {
    let release = () => {};
    const file = fileOf(50);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(file));
        release = () => controller.close();
      },
    });
    return { release: () => release(), answer: send(body) };
  });
  // The fifth comes when the others are being read: their routes have begun by the time it is asked.
  const fifth = await send(fileOf(1));
  assertProblem(fifth, 503, "unavailable");
  assert.equal(fifth.headers.get("retry-after"), "1");
  for (const { release } of slow) release();
  for (const { answer } of slow) {
    const { status, body } = await answer;
    assert.equal(status, 202);
    assert.equal((await endOf(body.id)).body.orders_new, 50);
  }
});

Deno.test("a sender that goes away in the middle leaves nothing, and its place is free again", async () => {
  const before = await counts();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => api.app.fetch(request),
  );
  const { port } = server.addr;
  const head = (length: number) =>
    `POST /imports HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: text/csv\r\n` +
    `Content-Length: ${length}\r\n\r\n`;
  try {
    const file = new TextEncoder().encode(csvOf(manyRows(2_000)));
    for (let n = 0; n < 6; n++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode(head(file.length)));
      await connection.write(file.subarray(0, file.length / 2));
      connection.close();
    }
    const answers: number[] = [];
    while (answers.at(-1) !== 202) {
      const response = await fetch(`http://127.0.0.1:${port}/imports`, {
        method: "POST",
        body: fileOf(1),
        headers: { "content-type": "text/csv" },
      });
      answers.push(response.status);
      const body = await response.json();
      if (response.status === 202) await endOf(body.id);
      assert.ok(answers.length < 1_000, "places stay taken");
    }
  } finally {
    await server.shutdown();
  }
  const after = await counts();
  assert.equal(Number(after.orders), Number(before.orders) + 1);
  assert.equal(Number(after.imports), Number(before.imports) + 1);
});

Deno.test("a stop ends running imports in order, to be finished by sending the file again", async () => {
  const stop = new AbortController();
  const background = new Set<Promise<void>>();
  const app = makeApp({ ...api.deps, stopping: stop.signal, background });
  const file = csvOf(
    manyRows(20_000).map((row) => ({
      ...row,
      external_order_id: `stop-${row.external_order_id}`,
    })),
  );
  const post = (to: typeof app) =>
    answerOf(to.request("/imports", {
      method: "POST",
      body: file,
      headers: { "content-type": "text/csv" },
    }));
  const { body: { id } } = await post(app);
  assert.equal(background.size, 1);
  stop.abort();
  await Promise.all(background);
  const { body } = await ask(api, "GET", `/imports/${id}`);
  assert.equal(body.status, "FAILED");
  assert.match(body.error, /stopped; import the file again/);
  assertProblem(await post(app), 503, "unavailable");
  const whole = await post(api.app);
  const end = await endOf(whole.body.id);
  const { orders, orders_new, orders_unchanged } = end.body as Record<string, number>;
  assert.equal(end.body.status, "DONE");
  assert.equal(orders_new! + orders_unchanged!, orders);
});

Deno.test("GET /imports lists imports, the latest first", async () => {
  for (let n = 0; n < 3; n++) await createImport(api.deps.db, `list-${n}`);
  const first = await ask(api, "GET", "/imports?limit=2");
  assert.deepEqual(first.body.data.map(({ source }: { source: string }) => source), [
    "list-2",
    "list-1",
  ]);
  const next = await ask(api, "GET", `/imports?limit=1&cursor=${first.body.next_cursor}`);
  assert.equal(next.body.data[0].source, "list-0");
  assertProblem(await ask(api, "GET", "/imports/999999999"), 404, "not-found");
  assertProblem(await ask(api, "GET", "/imports/999999999/events"), 404, "not-found");
  assertProblem(await ask(api, "GET", "/imports/999999999/rejects"), 404, "not-found");
});

Deno.test("POST /imports changes a reserved order with replace=true, by moving what differs", async () => {
  const name = `reserved-${crypto.randomUUID()}`;
  const sku = crypto.randomUUID();
  const row = { external_order_id: name, product_sku: sku, qty: "1" };
  await endOf((await send(csvOf([row]))).body.id);
  const { db } = api.deps;
  await db.run(
    "update orders set status = 'RESERVED', reserved_time = utc_timestamp(6) where external_order_id = ?",
    [name],
  );
  await db.run("update products set stock_qty = received_qty - 1 where sku = ?", [sku]);
  const outcomeOf = async (qty: string, query = "") => {
    const { body: { id } } = await send(csvOf([{ ...row, qty }]), { query });
    const { body } = await endOf(id);
    const rejects = query.includes("dry_run")
      ? ""
      : await (await api.app.request(`/imports/${id}/rejects`)).text();
    return { counts: body as Record<string, number>, rejects };
  };
  const stock = async () => {
    const [product] = await db.query("select stock_qty as qty from products where sku = ?", [sku]);
    return Number(product!.qty);
  };
  const left = await stock();
  const plain = await outcomeOf("3");
  assert.equal(plain.counts.orders_conflict, 1);
  assert.match(
    plain.rejects,
    /already RESERVED, which only --replace \(replace=true over HTTP\) changes"$/m,
  );
  assert.equal((await outcomeOf("3", "?replace=true&dry_run=true")).counts.orders_updated, 1);
  assert.equal(await stock(), left);
  assert.equal((await outcomeOf("3", "?replace=true")).counts.orders_updated, 1);
  assert.equal(await stock(), left - 2);
  assert.equal((await outcomeOf("3", "?replace=true")).counts.orders_unchanged, 1);
  const short = await outcomeOf("999999", "?replace=true");
  assert.equal(short.counts.orders_conflict, 1);
  assert.match(
    short.rejects,
    /can't be changed \(.* is short: 999996 more are needed, and \d+ are left\)/,
  );
  assert.equal(await stock(), left - 2);
  await db.run(
    "update orders set status = 'PAID', settled_time = utc_timestamp(6) where external_order_id = ?",
    [name],
  );
  const paid = await outcomeOf("1", "?replace=true");
  assert.match(paid.rejects, /already PAID$/m);
});
