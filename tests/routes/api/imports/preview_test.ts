import assert from "node:assert/strict";
import { profileDocument } from "../../../../domain/import/profile/profile_json.ts";
import { shippedProfile } from "../../../../services/imports/import_profiles.ts";
import { csvOf, csvOrderFields, manyRows } from "../../../csv_orders.ts";
import { importColumns } from "../../../../domain/import/csv_rows.ts";
import { textSheet, workbookOf } from "../../../zip_archive.ts";
import { type Answer, type Api, ask, assertProblem, importsEnded, openApi } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("imports_preview");
});
Deno.test.afterAll(() => api.close());

async function send(body: BodyInit, query: string, type?: string): Promise<Answer> {
  const response = await api.app.request(`/imports${query}`, {
    method: "POST",
    body,
    headers: type === undefined ? {} : { "content-type": type },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

function form(parts: [string, string | Blob][]): FormData {
  const data = new FormData();
  for (const [name, value] of parts) {
    if (typeof value === "string") data.append(name, value);
    else data.append(name, value, "orders.csv");
  }
  return data;
}

async function endOf(id: number) {
  await importsEnded(api);
  return (await ask(api, "GET", `/imports/${id}`)).body;
}

async function counts() {
  const [row] = await api.deps.db.query(
    "select (select count(*) from orders) as orders, (select count(*) from imports) as imports, " +
      "(select count(*) from customers) as customers",
  );
  return { ...row };
}

/** Amounts with a comma, in columns that no shipped profile has. */
const shop = (id: string) =>
  `Bestellung;Datum;Kunde;Name;Artikel;Text;Preis;Menge\n` +
  `${id};05.01.2026 10:15;K1;Ann;MUG;Becher;12,50;2\n${id};05.01.2026 10:15;K1;Ann;POT;Kanne;30,00;1\n`;

const profile = {
  version: 1,
  name: "mine",
  columns: {
    external_order_id: ["Bestellung"],
    order_placed_at: ["Datum"],
    customer_id: ["Kunde"],
    customer_name: ["Name"],
    product_sku: ["Artikel"],
    product_name: ["Text"],
    price: ["Preis"],
    qty: ["Menge"],
  },
  constants: { currency: "EUR" },
  time: { order: "dmy", zone: "Europe/Berlin" },
};

Deno.test("POST /imports?preview=true answers with all that a file would do, and changes nothing", async () => {
  const before = await counts();
  const { status, body } = await send(csvOf(manyRows(4)), "?preview=true&name=a.csv", "text/csv");
  assert.equal(status, 200);
  assert.deepEqual([body.file.name, body.file.form, body.profile], ["a.csv", null, null]);
  assert.deepEqual([body.counts.orders_new, body.first_orders.length], [4, 3]);
  assert.match(body.plan, /^[0-9a-f]{64}$/);
  assert.deepEqual(await counts(), before);
});

Deno.test("POST /imports takes a profile with the file, and the file by its plan alone", async () => {
  const parts: [string, string | Blob][] = [
    ["profile", JSON.stringify(profile)],
    ["file", new Blob([shop("W-1")])],
  ];
  const shown = await send(form(parts), "?preview=true");
  assert.equal(shown.status, 200, JSON.stringify(shown.body));
  assert.deepEqual(shown.body.questions, []);
  assert.deepEqual(
    [
      shown.body.profile.name,
      shown.body.file.form.delimiter,
      shown.body.profile.settings.money.decimal,
    ],
    ["mine", ";", ","],
  );
  assert.equal(shown.body.first_orders[0].total_cents, 5_500);
  assert.equal(shown.body.first_orders[0].placed_at, "2026-01-05T09:15:00.000Z");

  const unseen = await send(form(parts), "");
  assertProblem(unseen, 422, "invalid");
  assert.deepEqual(unseen.body.errors.map(({ parameter }: { parameter: string }) => parameter), [
    "plan",
  ]);
  const other = await send(
    form([parts[0]!, ["file", new Blob([shop("W-2")])]]),
    `?plan=${shown.body.plan}`,
  );
  assertProblem(other, 422, "invalid");

  const taken = await send(form(parts), `?plan=${shown.body.plan}`);
  assert.equal(taken.status, 202, JSON.stringify(taken.body));
  const done = await endOf(taken.body.id);
  assert.deepEqual(
    [done.status, done.orders_new, done.profile, done.plan],
    ["DONE", 1, "mine", shown.body.plan],
  );
});

Deno.test("POST /imports takes the settings of a preview as a profile: the plan is the same", async () => {
  const first = await send(
    form([["profile", JSON.stringify(profile)], ["file", new Blob([shop("W-3")])]]),
    "?preview=true",
  );
  const again = await send(
    form([["profile", JSON.stringify(first.body.profile.settings)], [
      "file",
      new Blob([shop("W-3")]),
    ]]),
    "?preview=true",
  );
  assert.equal(again.body.plan, first.body.plan);
});

Deno.test("POST /imports lists every question of a file among the errors of its refusal", async () => {
  const open = { ...profile, time: {} };
  const file = new Blob([shop("W-4")]);
  const refused = await send(
    form([["profile", JSON.stringify(open)], ["file", file]]),
    "?yes=true",
  );
  assertProblem(refused, 422, "invalid");
  const asked = refused.body.errors.map(({ parameter }: { parameter: string }) => parameter);
  assert.deepEqual(asked.sort(), ["time.order", "time.zone"]);
  const shown = await send(
    form([["profile", JSON.stringify(open)], ["file", file]]),
    "?preview=true",
  );
  assert.equal(shown.body.plan, null);
  assert.equal(shown.body.questions.length, 2);
});

Deno.test("POST /imports refuses profiles that mean nothing", async () => {
  const file = new Blob([shop("W-5")]);
  const text = JSON.stringify(profile);
  for (
    const [body, query, status] of [
      [form([["file", file], ["profile", text]]), "?preview=true", 400],
      [form([["profile", text], ["file", file]]), "?profile=shopify", 400],
      [form([["profile", "{"], ["file", file]]), "", 422],
      [form([["file", file]]), "?profile=shopfy", 400],
      [form([["file", file]]), "?preview=true&plan=" + "0".repeat(64), 400],
      [form([["file", file]]), "?plan=12", 400],
    ] as const
  ) {
    const answer = await send(body, query);
    assert.equal(answer.status, status, `${query} ${JSON.stringify(answer.body)}`);
  }
});

Deno.test("a shipped profile is the same profile as its document", async () => {
  const native = shippedProfile("native");
  const file = new Blob([csvOf(manyRows(2))]);
  const named = await send(form([["file", file]]), "?preview=true&profile=native");
  const sent = await send(
    form([["profile", JSON.stringify(profileDocument(native))], ["file", file]]),
    "?preview=true",
  );
  assert.equal(named.status, 200, JSON.stringify(named.body));
  assert.equal(sent.body.plan, named.body.plan);
});

Deno.test("POST /imports?preview=true shows the columns of a file of no known form", async () => {
  const { status, body } = await send("Order #,Item,qty\n1,Mug,2\n", "?preview=true", "text/csv");
  assert.equal(status, 200);
  const { plan, questions, columns, profile } = body as unknown as {
    plan: null;
    questions: { setting: string }[];
    columns: { unused: { name: string }[] };
    profile: { settings: { columns: unknown } };
  };
  assert.equal(plan, null);
  assert.deepEqual(questions.map(({ setting }) => setting), ["columns"]);
  assert.deepEqual(columns.unused.map(({ name }) => name), ["Order #", "Item", "qty"]);
  assert.deepEqual(profile.settings.columns, {
    external_order_id: ["Order #"],
    product_name: ["Item"],
    qty: ["qty"],
  });
});

Deno.test("an import tells how many orders its file says are over", async () => {
  const file = new URL("../../../streams/imports/files/01-shopify-export.csv", import.meta.url);
  const sent = await send(await Deno.readFile(file), "?profile=shopify&yes=true", "text/csv");
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const { orders, orders_skipped } = await endOf(sent.body.id as number);
  assert.deepEqual({ orders, orders_skipped }, { orders: 1, orders_skipped: 2 });
  const page = await (await api.app.request(`/dashboard/imports/${sent.body.id}`)).text();
  assert.match(page, /Skipped<\/dt>\s*<dd[^>]*>2</);
});

Deno.test("a workbook with several sheets is imported by the one that is chosen, and by no other", async () => {
  const sheetOf = (id: string) =>
    textSheet([importColumns, csvOrderFields({ external_order_id: id })]);
  const workbook = workbookOf({ sheets: [sheetOf("sheet-one"), sheetOf("sheet-two")] });
  const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  const asked = (await send(workbook, "?preview=true", xlsx)).body;
  assert.deepEqual([asked.plan, asked.profile, asked.counts.orders], [null, null, 0]);
  assert.deepEqual(
    asked.questions.map(({ setting, candidates }: Record<string, unknown>) => [
      setting,
      (candidates as { value: string }[]).map(({ value }) => value),
    ]),
    [["file.sheet", ["S1", "S2"]]],
  );
  assert.equal((await send(workbook, "?profile=native&yes=true", xlsx)).status, 422);
  const seen = (await send(workbook, "?preview=true&sheet=S2", xlsx)).body;
  assert.deepEqual([seen.questions, seen.file.form.sheet], [[], "S2"]);
  const other = (await send(workbook, "?preview=true&sheet=1", xlsx)).body;
  assert.notEqual(other.plan, seen.plan);
  assert.equal((await send(workbook, `?sheet=1&plan=${seen.plan}`, xlsx)).status, 422);
  const sent = await send(workbook, `?sheet=S2&plan=${seen.plan}`, xlsx);
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  assert.equal((await endOf(sent.body.id as number)).orders_new, 1);
  const rows = await api.deps.db.query(
    "select external_order_id from orders where external_order_id like 'sheet-%'",
  );
  assert.deepEqual(rows.map((row) => row.external_order_id), ["sheet-two"]);
});

Deno.test("POST /imports?set= answers a question, in the preview and in the import", async () => {
  const file =
    "Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Shipping Discount,Order Shipping,Order Sales Tax,Currency," +
    "Transaction ID,Listing ID,Date Paid,Ship Name,Order ID,SKU\n" +
    "01/05/26,Mug,ann,2,12.00,0.00,0.00,0.00,0.00,EUR,1,2,01/05/2026,Ann,E-901,MUG\n";
  const asked = await send(file, "?preview=true", "text/csv");
  assert.deepEqual(
    (asked.body as unknown as { questions: { setting: string }[] }).questions
      .map(({ setting }) => setting),
    ["time.zone"],
  );
  const set = "set=time.zone%3DEurope/Berlin&set=money.tolerance%3D1";
  const { body } = await send(file, `?preview=true&${set}`, "text/csv");
  const { plan } = body as unknown as { plan: string };
  assert.match(plan, /^[0-9a-f]{64}$/);
  assert.equal((await send(file, `?plan=${plan}`, "text/csv")).status, 422);
  assert.equal((await send(file, `?${set}&plan=${plan}`, "text/csv")).status, 202);
  assert.equal((await send(file, "?set=time.zone%3DNowhere", "text/csv")).status, 422);
});
