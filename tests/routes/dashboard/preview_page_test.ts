import assert from "node:assert/strict";
import { importColumns, termColumns } from "../../../domain/import/csv_rows.ts";
import { csvOf, csvOrderFields, manyRows } from "../../csv_orders.ts";
import { textSheet, workbookOf } from "../../zip_archive.ts";
import { type Api, importsEnded, openApi } from "../api.ts";
import { openPage } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_preview");
});
Deno.test.afterAll(() => api.close());

const files = new URL("../../streams/imports/files/", import.meta.url);

async function fileNamed(name: string): Promise<File> {
  return new File([await Deno.readFile(new URL(name, files))], name);
}

/** A form with a file as a page has it: its fields in their order, with what is chosen there. */
type Fields = [name: string, value: string][];

const unescaped = (text: string) =>
  text.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">").replaceAll("&amp;", "&");

function fieldsOf(html: string): Fields {
  const form = /<form[^>]*data-upload[^]*?<\/form>/.exec(html)![0];
  const fields: Fields = [];
  for (const [tag, inner = ""] of form.matchAll(/<input\b[^>]*>|<select\b[^]*?<\/select>/g)) {
    const attribute = (name: string, of = tag) => new RegExp(`\\s${name}="([^"]*)"`).exec(of)?.[1];
    const name = unescaped(attribute("name")!);
    if (tag.startsWith("<select")) {
      const chosen = /<option[^>]*\sselected[^>]*>/.exec(tag)?.[0] ?? /<option[^>]*>/.exec(tag)![0];
      fields.push([name, unescaped(attribute("value", chosen) ?? "")]);
    } else if (attribute("type") === "hidden" || /\schecked/.test(tag)) {
      fields.push([name, unescaped(attribute("value") ?? "")]);
    }
    assert.equal(inner, "");
  }
  return fields;
}

/** The same with other values; what is not there is added. */
function withValues(fields: Fields, values: Record<string, string>): Fields {
  const left = { ...values };
  const changed = fields.map(([name, value]): [string, string] => {
    const { [name]: other = value } = left;
    delete left[name];
    return [name, other];
  });
  return [...changed, ...Object.entries(left)];
}

/** The field that says what a column is. */
function columnField(fields: Fields, column: string): string {
  const names: string[] = JSON.parse(Object.fromEntries(fields).columns!);
  assert.ok(names.includes(column), `${column} of ${names}`);
  return `column.${names.indexOf(column)}`;
}

async function send(fields: Fields, file: File, query = "", headers: Record<string, string> = {}) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  form.append("file", file);
  const response = await api.app.request(`/dashboard/imports${query}`, {
    method: "POST",
    body: form,
    headers: { accept: "text/html", origin: "http://localhost", ...headers },
  });
  const html = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    html,
    text: unescaped(
      html.replace(/<option[^]*?<\/option>/g, "").replace(/<[^>]*>/g, " "),
    ).replace(/\s+/g, " "),
  };
}

const preview = (fields: Fields, file: File) => send(fields, file, "?preview=1");

async function counts(): Promise<unknown> {
  return await api.deps.db.query(
    "select (select count(*) from orders) as orders, (select count(*) from imports) as imports",
  );
}

async function endOf(location: string | null) {
  const path = location!.replace("/dashboard", "");
  await importsEnded(api);
  return await (await api.app.request(path)).json();
}

Deno.test("a shop's file is previewed, imported as it was shown, and leads to its orders", async () => {
  const file = await fileNamed("01-shopify-export.csv");
  const before = await counts();
  const shown = await preview([], file);
  assert.equal(shown.status, 200, shown.text);
  assert.doesNotMatch(shown.text, /is not known/);
  for (
    const said of [
      /Profile Shopify/,
      /The order comes to what the file says/,
      /Recorded as paid, EUR 1 €53\.50/,
      /Skipped: Financial Status is "refunded" 1/,
      /#1001.*Shipping Standard €4\.90 Discount WINTER10 -€5\.40 Total , is recorded as paid €53\.50/,
      /Choose the same file again/,
      /Import 1 order/,
    ]
  ) assert.match(shown.text, said);
  assert.deepEqual(await counts(), before, "nothing was changed");

  const fields = fieldsOf(shown.html);
  const sent = await send(fields, file);
  assert.equal(sent.status, 303, sent.text);
  const location = sent.headers.get("location")!;
  const done = await endOf(location);
  assert.deepEqual([done.status, done.orders_new, done.profile], ["DONE", 1, "shopify"]);
  assert.equal(done.plan, Object.fromEntries(fields).plan);
  const others = await send([], new File([csvOf(manyRows(2))], "others.csv"));
  await endOf(others.headers.get("location"));

  const page = await openPage(api, location);
  const link = /href="(\/dashboard\/orders\?import=\d+)"/.exec(page.html)![1]!;
  const orders = await openPage(api, link);
  assert.match(orders.text, /Created by the import of 01-shopify-export\.csv/);
  assert.match(orders.text, /1 order in all/);
  assert.match(orders.text, /#1001/);
  const none = await openPage(api, "/dashboard/orders?import=9999");
  assert.match(none.text, /There is no import “9999”/);
});

Deno.test("what was changed after a preview is not imported as it was shown", async () => {
  const file = await fileNamed("01-shopify-export.csv");
  const fields = fieldsOf((await preview([], file)).html);
  const before = await counts();
  const changes: Record<string, string>[] = [
    { [columnField(fields, "Shipping")]: "nothing" },
    { keep_good_rows: "1" },
    { named: "etsy" },
  ];
  for (const change of changes) {
    const refused = await send(withValues(fields, change), file);
    assert.equal(refused.status, 422, JSON.stringify(change));
    assert.match(refused.text, /changed after the preview/);
  }
  const other = await send(fields, new File([`${await file.text()}\n`], file.name));
  assert.equal(other.status, 422);
  assert.match(other.text, /the plan is not the plan of this file/);
  assert.deepEqual(await counts(), before);
});

Deno.test("another mapping shows another total, and one that disagrees is told so", async () => {
  const file = await fileNamed("01-shopify-export.csv");
  const fields = fieldsOf((await preview([], file)).html);
  const shipping = columnField(fields, "Shipping");
  const shown = await preview(withValues(fields, { [shipping]: "ignore" }), file);
  assert.match(shown.text, /The order does not come to what the file says/);
  assert.match(shown.text, /The largest difference is .?€4\.90/);
  const back = await preview(
    withValues(fieldsOf(shown.html), {
      [columnField(fieldsOf(shown.html), "Shipping")]: "shipping:order",
    }),
    file,
  );
  assert.match(back.text, /The order comes to what the file says/);
});

const till = new File([
  [
    "Bon;Datum;Kunde;Artikel;Text;Betrag;Stück;State;Summe",
    "7001;03/04/2026 10:00;Ada;MUG;Mug;12,50;2;open;25,00",
    "7002;05/06/2026 11:00;Ben;JUG;Jug;20,00;1;cash;20,00",
    "7003;07/08/2026 12:00;Cleo;JUG;Jug;20,00;1;void;20,00",
  ].join("\n"),
], "till.csv");

Deno.test("a file that nothing is known of is mapped, asked about, and imported", async () => {
  const first = await preview([], till);
  assert.equal(first.status, 200, first.text);
  assert.match(first.text, /Say what the columns are/);
  assert.match(first.text, /nothing is known to be one: Order: id, Item: SKU, Item: price\./);
  assert.match(first.text, /12,50 · 20,00/);
  assert.doesNotMatch(first.text, /data-import/);
  let fields = fieldsOf(first.html);
  const meanings: Record<string, string> = {
    Bon: "external_order_id",
    Datum: "order_placed_at",
    Kunde: "customer_name",
    Artikel: "product_sku",
    Text: "product_name",
    Betrag: "price",
    Stück: "qty",
    Summe: "order_total",
  };
  const choices = Object.entries(meanings).map(([column, meaning]) =>
    [columnField(fields, column), meaning] as const
  );
  const asked = await preview(withValues(fields, Object.fromEntries(choices)), till);
  const open = ["time.order", "time.zone", "constants.currency", "status.columns"];
  for (const setting of [...open, "money.price_per"]) {
    assert.match(asked.html, new RegExp(`<code[^>]*>${setting}</code>`), setting);
  }
  assert.match(asked.text, /Day, month, year 03\/04\/2026 10:00 is 2026-04-03/);
  assert.doesNotMatch(asked.html, /type="radio"[^>]*checked/);
  assert.doesNotMatch(asked.html, /data-import/);

  fields = fieldsOf(asked.html);
  const words = await preview(
    withValues(fields, {
      "setting.time.order": "dmy",
      "setting.money.price_per": "unit",
      "setting.time.zone": "typed",
      "setting.time.zone.typed": "Europe/Vienna",
      "setting.constants.currency": "EUR",
      [columnField(fields, "State")]: "status",
    }),
    till,
  );
  assert.match(words.text, /open 1 row, first on line 2/);
  fields = fieldsOf(words.html);
  assert.deepEqual(JSON.parse(Object.fromEntries(fields).words!), ["open", "cash", "void"]);
  const settled = await preview(
    withValues(fields, { "word.0": "charge", "word.1": "paid", "word.2": "skip" }),
    till,
  );
  assert.match(settled.text, /2 of 2 orders come to what the file says/);
  assert.match(settled.text, /Charged here, EUR 1 €25\.00/);
  assert.match(settled.text, /2026-04-03 08:00|3 Apr 2026/);

  const sent = await send(fieldsOf(settled.html), till);
  assert.equal(sent.status, 303, sent.text);
  const done = await endOf(sent.headers.get("location"));
  assert.deepEqual([done.orders_new, done.orders_rejected, done.profile], [2, 0, "mine"]);
});

Deno.test("the profile that a preview offers is read again as it is", async () => {
  const shown = await preview([], await fileNamed("01-shopify-export.csv"));
  const link = /href="data:application\/json;charset=utf-8,([^"]+)" download="shopify\.json"/.exec(
    shown.html,
  )![1]!;
  const text = decodeURIComponent(unescaped(link));
  const file = await fileNamed("01-shopify-export.csv");
  const again = await preview([["profile", text]], file);
  assert.equal(again.status, 200, again.text);
  assert.equal(
    Object.fromEntries(fieldsOf(again.html)).plan,
    Object.fromEntries(fieldsOf(shown.html)).plan,
  );
  const wrong = await preview([["profile", '{"version":1}']], file);
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /The profile can't be used/);
});

Deno.test("a profile that comes along can be chosen instead of the one that was found out", async () => {
  const shown = await preview([["named", "native"]], await fileNamed("01-shopify-export.csv"));
  assert.match(shown.text, /Say what the columns are/);
  assert.match(shown.text, /Each order needs these, .*Order: id/);
});

Deno.test("a page's script is told how far a preview is, and gets the same in the end", async () => {
  const file = new File([csvOf(manyRows(3_000))], "many.csv");
  const sent = await send([], file, "?preview=1", { accept: "application/x-ndjson, text/html" });
  assert.equal(sent.headers.get("content-type"), "application/x-ndjson");
  const lines = sent.html.trimEnd().split("\n").map((line) => JSON.parse(line));
  const last = lines.pop();
  assert.equal(last.status, 200);
  assert.match(last.html, /data-region="bring"/);
  assert.match(last.html, /data-import/);
  for (const line of lines) {
    assert.ok(line.read >= 0 || line.done <= line.rows, JSON.stringify(line));
  }

  const refused = await send([], new File(["%PDF-1.7"], "a.pdf"), "?preview=1", {
    accept: "application/x-ndjson, text/html",
  });
  const answer = JSON.parse(refused.html.trimEnd().split("\n").at(-1)!);
  assert.equal(answer.status, 422);
  assert.match(answer.html, /PDF/);
});

Deno.test("all faults of a file stand on the page", async () => {
  const shown = await preview([], await fileNamed("15-scientific-ids.csv"));
  assert.equal(shown.status, 422);
  assert.match(shown.text, /destroyed/);
  assert.match(shown.text, /Nothing was changed/);
});

Deno.test("a file in the own form is previewed and imported with its plan", async () => {
  const file = new File(
    [csvOf([{ external_order_id: "OWN-1" }, { external_order_id: "OWN-2" }])],
    "own.csv",
  );
  const shown = await preview([], file);
  assert.match(shown.text, /the importer's own form/);
  const sent = await send(fieldsOf(shown.html), file);
  assert.equal(sent.status, 303, sent.text);
  assert.equal((await endOf(sent.headers.get("location"))).orders_new, 2);
});

Deno.test("the page lists every column, and the template has three rows", async () => {
  const { text } = await openPage(api, "/dashboard/imports");
  for (const column of [...importColumns, ...termColumns]) assert.ok(text.includes(column), column);
  const template = await api.app.request("/dashboard/first-steps/template.csv");
  assert.equal((await template.text()).trim().split("\n").length, 4);
});

Deno.test("a workbook's sheet is chosen on the page, and stays chosen until it is imported", async () => {
  const sheetOf = (id: string) =>
    textSheet([importColumns, csvOrderFields({ external_order_id: id })]);
  const book = workbookOf({ sheets: [sheetOf("first"), sheetOf("second")] });
  const file = new File([book], "book.xlsx");
  const first = fieldsOf((await openPage(api, "/dashboard/imports")).html);
  const asked = await send(first, file, "?preview=1");
  assert.match(asked.html, /name="setting\.file\.sheet" value="S2"/);
  const chosen = withValues(fieldsOf(asked.html), { "setting.file.sheet": "S2" });
  const shown = await send(chosen, file, "?preview=1");
  assert.match(shown.html, /second/);
  assert.doesNotMatch(shown.html, />first</);
  const sent = await send(fieldsOf(shown.html), file);
  assert.equal(sent.status, 303, sent.html);
});

Deno.test("a column of the own form whose values say what became of orders is asked about, and may be passed over", async () => {
  const [header, ...rows] = csvOf(manyRows(2)).trimEnd().split("\n");
  const said = rows.map((row, at) => `${row},${at === 0 ? "storniert" : ""}`);
  const file = new File([[`${header},info`, ...said].join("\n")], "info.csv");
  const asked = await preview([], file);
  assert.equal(asked.status, 200, asked.text);
  assert.match(asked.text, /info storniert It decides .* It does not matter/);
  assert.doesNotMatch(asked.html, /data-import/);
  const fields = fieldsOf(asked.html);
  const passedOver = await preview(
    withValues(fields, { [columnField(fields, "info")]: "ignore" }),
    file,
  );
  assert.match(passedOver.html, /data-import/);
});
