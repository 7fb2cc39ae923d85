import assert from "node:assert/strict";
import { checkWords } from "../../../streams/verification/check_words.ts";
import { makeApp } from "../../../routes/app.ts";
import { lookOnce } from "../../../streams/alerts/alerts.ts";
import { applyKpis } from "../../../streams/kpis/kpis.ts";
import { pauseGroup } from "../../../streams/queue/pause_group.ts";
import { readVerification } from "../../../streams/verification/verify_regularly.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { daysBefore } from "../../../domain/kpi/day.ts";
import { sealNext } from "../../../streams/seals/seal.ts";
import { age, archiveAll } from "../../archived.ts";
import { withinOneDay } from "../../one_day.ts";
import { openSettled } from "../../settled_workflow.ts";
import { anOrder } from "../../workflow.ts";
import { type Api, openApi } from "../api.ts";
import { regionsToHtml } from "../../../routes/dashboard/parts.tsx";
import { openPage, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_overview");
});
Deno.test.afterAll(() => api.close());

Deno.test("the overview shows today's figures by currency with yesterday's beside", async () => {
  const today = await withinOneDay();
  const yesterday = daysBefore(today, 1);
  const paid = (orderId: number, day: string, cents: number, currency = "EUR") =>
    ({ kind: "paid", orderId, day, currency, cents, customerId: 1 }) as const;
  await applyKpis(api.deps, [
    paid(1, today, 123_456),
    paid(2, yesterday, 100_000),
    paid(3, today, 999, "USD"),
  ]);
  const { status, text } = await openPage({ app: makeApp(api.deps) }, "/dashboard");
  assert.equal(status, 200);
  assert.match(text, /Revenue today EUR €1,234.56 \+23.5 % · yesterday €1,000.00/);
  assert.match(text, /Revenue today USD \$9.99 yesterday \$0.00/);
});

Deno.test("the overview counts what waits in messages and in money", async () => {
  const { deps } = api;
  await publish(deps, [
    { message: { type: "payment.charge", orderId: 1, amountCents: 250_00, currency: "EUR" } },
    {
      message: { type: "payment.charge", orderId: 2, amountCents: 100, currency: "EUR" },
      delayMs: 60_000,
    },
  ]);
  await pauseGroup(deps, "payments", { actor: "test", reason: null });
  const { text } = await openPage({ app: makeApp(deps) }, "/dashboard");
  assert.match(text, /payments paused 2 €251.00 /);
});

Deno.test("the overview tells when scheduled work is due, and how late it is", async () => {
  const { deps } = api;
  const scheduled = deps.keys.scheduled("refunds");
  const message = {
    type: "refund.process",
    orderId: 1,
    refundId: 1,
    amountCents: 700,
    currency: "EUR",
  } as const;
  await publish(deps, [{ message, delayMs: 3_600_000 }]);
  const early = await openPage({ app: makeApp(deps) }, "/dashboard");
  assert.match(early.text, /refunds 1 €7\.00 next in 60 min /);
  const streams = await openPage(api, "/dashboard/streams");
  assert.match(streams.text, /refunds 1 €7\.00 next in 60 min /);
  const group = await openPage(api, "/dashboard/streams/refunds");
  assert.match(group.text, /Oldest next in 60 min /);
  const [member] = await deps.redis.zrange(scheduled, 0, "-1");
  await deps.redis.zadd(scheduled, Date.now() - 420_000, member!);
  const late = await openPage({ app: makeApp(deps) }, "/dashboard");
  assert.match(late.text, /refunds 1 €7\.00 7 min /);
});

Deno.test("the overview shows an alert from when it is raised until it is resolved", async () => {
  const { deps } = api;
  const now = Date.now();
  const shown = async () => (await openPage({ app: makeApp(deps) }, "/dashboard")).text;
  await lookOnce(deps, now - 120_000);
  assert.doesNotMatch(await shown(), /nobody is working/i, "it may be over soon");
  await lookOnce(deps, now - 60_000);
  assert.match(
    await shown(),
    // A time that stands still: the alert would be read aloud again at every change.
    /Nobody is working payments : 2 messages wait and no consumer is alive: €251\.00; run (deno task|bun run) start; it began \d+ \w+ \d{4}, \d\d:\d\d /,
  );
  await deps.redis.zadd(deps.keys.alive("payments"), now, "host:1:abc");
  await lookOnce(deps, now);
  await lookOnce(deps, now + 60_000);
  const later = await shown();
  assert.match(later, /refunds: nobody is working/);
  assert.doesNotMatch(later, /payments ?: (nobody is working|2 messages)/);
});

Deno.test("pages load their own files only and run no script that stands in them", async () => {
  const { headers, html } = await openPage(api, "/dashboard");
  const csp = headers.get("content-security-policy")!;
  assert.match(csp, /default-src 'none'/);
  assert.match(csp, /script-src 'self'/);
  assert.doesNotMatch(csp, /unsafe|\*|https?:/);
  // What is there to be copied is not loaded.
  assert.doesNotMatch(
    html.replaceAll(/<pre\b.*?<\/pre>/gs, ""),
    /<script(?![^>]*\bsrc=)|<style|\sstyle="|\son\w+="|https?:\/\/(?!www\.w3)/,
  );
  const files = [...html.matchAll(/(?:src|href)="(\/dashboard\/assets\/[^"]+)"/g)];
  assert.ok(files.length >= 5);
  for (const [, path] of files) {
    const response = await api.app.request(path!.replaceAll("&amp;", "&"));
    assert.equal(response.status, 200, `${path}`);
    assert.match(response.headers.get("cache-control")!, /immutable/);
    assert.ok((await response.text()).length > 100);
  }
  assert.equal((await api.app.request("/dashboard/assets/dashboard.ts")).status, 404);
});

Deno.test("POST /dashboard/proof proves, and a page of another origin can't ask for it", async () => {
  assert.equal(await readVerification(api.deps), null);
  const stranger = { origin: "http://evil.example" };
  assert.equal((await sendForm(api, "/dashboard/proof", {}, stranger)).status, 403);
  assert.equal(await readVerification(api.deps), null);
  assert.equal((await sendForm(api, "/dashboard/proof", {})).status, 303);
  const report = await readVerification(api.deps);
  assert.deepEqual(report!.checks.map(({ name }) => name).sort(), Object.keys(checkWords).sort());
  const { text } = await openPage({ app: makeApp(api.deps) }, "/dashboard");
  assert.match(text, /Verification (everything agrees|drift)/);
});

Deno.test("the stream of the overview sends its regions, then only what changed", async () => {
  const stopping = new AbortController();
  const app = makeApp({ ...api.deps, stopping: stopping.signal });
  const response = await app.request("/dashboard/live");
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`ended after ${text}`);
      text += value;
    }
  };
  await until(/event: regions\ndata: .*\n\n/);
  const regions = JSON.parse(/data: (.*)/.exec(text)![1]!);
  assert.deepEqual(Object.keys(regions), [
    "alerts",
    "start",
    "today",
    "groups",
    "proof",
    "engines",
  ]);
  await until(/event: charts\ndata: .*\n\n/);
  text = "";
  await publish(api.deps, [
    { message: { type: "order.reserve", orderId: 77, amountCents: 77_00, currency: "EUR" } },
  ]);
  await until(/event: regions\ndata: .*€77\.00.*\n\n/);
  const changes = JSON.parse(/data: (.*€77\.00.*)/.exec(text)![1]!);
  assert.equal(changes.today, undefined, "what did not change is not sent");
  stopping.abort();
  while (!(await reader.read()).done);
});

Deno.test("GET / leads people to the dashboard and programs to the list of routes", async () => {
  const page = await openPage(api, "/");
  assert.equal(page.status, 302);
  assert.equal(page.headers.get("location"), "/dashboard");
  const routes = await api.app.request("/", { headers: { accept: "*/*" } });
  assert.match(routes.headers.get("content-type")!, /^application\/json/);
});

Deno.test("an unknown page is a page", async () => {
  const { status, headers, text } = await openPage(api, "/dashboard/nothing");
  assert.equal(status, 404);
  assert.match(headers.get("content-type")!, /^text\/html/);
  assert.match(text, /There is no such page/);
});

Deno.test("a region that is left out is renewed with nothing, not with the word false", async () => {
  assert.deepEqual(await regionsToHtml({ a: false, b: null, c: undefined, d: "text" }), {
    a: "",
    b: "",
    c: "",
    d: "text",
  });
});

Deno.test("the overview tells how much is sealed and archived, and whether all was looked at", async () => {
  const flow = await openSettled("overview_sealed");
  try {
    const { config } = api.deps;
    const deps = { ...api.deps, ...flow, config } as typeof api.deps;
    await age(flow);
    await flow.add([anOrder("latest", [{ sku: "z", qty: 1 }])]);
    await flow.drain();
    assert.equal(await archiveAll(flow), 4);
    while ((await sealNext(flow)).goesOn);
    const app = makeApp(deps);
    const verified = await app.request("/verification?incremental=true", { method: "POST" });
    assert.equal((await verified.json()).verification.incremental, true);
    const { text } = await openPage({ app }, "/dashboard");
    assert.match(text, /what is not sealed alone Sealed: 4 orders and 1 refund Archived: 4 orders/);
    assert.equal(
      (await app.request("/verification?incremental=2", { method: "POST" })).status,
      400,
    );
    const whole = await app.request("/verification", { method: "POST" });
    assert.equal((await whole.json()).verification.incremental, false);
    // Pages that are asked for at once are read once.
    const next = await openPage({ app: makeApp(deps) }, "/dashboard");
    assert.doesNotMatch(next.text, /not sealed alone/);
  } finally {
    await flow.close();
  }
});
