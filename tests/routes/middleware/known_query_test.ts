import assert from "node:assert/strict";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../api.ts";
import { openPage, sendForm } from "../dashboard/pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("known_query");
});
Deno.test.afterAll(() => api.close());

interface Operation {
  parameters?: { in: string; name: string }[];
}

async function operations(): Promise<{ method: string; path: string; names: string[] }[]> {
  const { body } = await ask(api, "GET", "/openapi.json");
  const paths = body.paths as Record<string, Record<string, Operation>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({
      method: method.toUpperCase(),
      path: path.replace("{channel}", "webhook").replace(/\{\w+\}/g, "1"),
      names: parameters.filter((one) => one.in === "query").map(({ name }) => name),
    }))
  );
}

/** They answer the same whatever is added to their addresses. */
const open = ["/livez", "/readyz", "/metrics", "/payments/callback", "/payments/callback/1"];

Deno.test("every route refuses query parameters that it does not know, and names the nearest one", async () => {
  const all = await operations();
  assert.ok(all.length > 20 && all.filter(({ names }) => names.length > 0).length > 8);
  for (const { method, path, names } of all) {
    const what = `${method} ${path}`;
    for (const query of ["?nonsense=1", "?nonsense", "?limit=5&&nonsense=", "?%6eonsense=1"]) {
      const response = await api.app.request(`${path}${query}`, { method });
      const text = await response.text();
      if (open.includes(path)) {
        assert.doesNotMatch(text, /nonsense/, what);
        continue;
      }
      assert.equal(response.status, 400, `${what}${query}`);
      const { type, errors } = JSON.parse(text);
      assert.equal(type, "/problems/bad-request");
      assert.ok(
        errors.some((one: { parameter: string; detail: string }) =>
          one.parameter === "nonsense" && one.detail.startsWith("is not known; ")
        ),
        `${what}: ${text}`,
      );
      if (method !== "GET") continue;
      const head = await api.app.request(`${path}${query}`, { method: "HEAD" });
      assert.equal(head.status, 400, `HEAD ${path}`);
    }
    for (const name of names.filter((name) => name.length > 3)) {
      const mistyped = name[0] + name.slice(2);
      const answer = await ask(api, method, `${path}?${mistyped}=1`);
      assertProblem(answer, 400, "bad-request");
      assert.deepEqual(answer.body.errors, [{
        parameter: mistyped,
        detail: `is not known; did you mean ${name}?`,
      }], what);
    }
  }
});

Deno.test("the query parameters that the document names are known", async () => {
  for (const { method, path, names } of await operations()) {
    if (names.length === 0 || method !== "GET") continue;
    const query = names.map((name) => `${name}=`).join("&");
    const response = await api.app.request(`${path}?${query}`);
    const text = await response.text();
    assert.doesNotMatch(text, /is not known/, `${method} ${path}`);
  }
});

Deno.test("a filter that nobody knows never answers everything", async () => {
  await storeOrder(api.deps.db);
  for (const path of ["/orders", "/orders.csv"]) {
    const answer = await ask(api, "GET", `${path}?stauts=FAILED`);
    assertProblem(answer, 400, "bad-request");
    assert.equal(
      answer.body.detail,
      "The query is not valid: stauts is not known; did you mean status?",
    );
  }
  const none = await ask(api, "GET", "/orders/1?fields=id");
  assert.equal(
    none.body.detail,
    "The query is not valid: fields is not known; nothing can be asked for here",
  );
  const dry = await ask(api, "POST", "/imports?dryrun=true", "a,b\n", {
    "content-type": "text/csv",
  });
  assertProblem(dry, 400, "bad-request");
  assert.match(dry.body.detail, /did you mean dry_run\?$/);
});

Deno.test("many and long unknown names are told in part", async () => {
  const names = Array.from({ length: 500 }, (_, n) => `${"x".repeat(100)}${n}`);
  const answer = await ask(api, "GET", `/orders?${names.join("&")}`);
  assertProblem(answer, 400, "bad-request");
  assert.equal(answer.body.errors.length, 10);
  assert.ok(
    answer.body.errors.every(({ parameter }: { parameter: string }) => parameter.length <= 64),
  );
});

Deno.test("what is not there is 404 whatever is asked of it", async () => {
  assertProblem(await ask(api, "GET", "/nothing?x=1"), 404);
});

Deno.test("probes answer whatever a monitor adds to their addresses", async () => {
  for (const path of ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/sign-in"]) {
    const response = await api.app.request(`${path}?_=${Date.now()}&utm_source=x`);
    await response.body?.cancel();
    assert.ok(response.status < 400, path);
  }
});

Deno.test("a page shows itself and says what was passed over in its address", async () => {
  const id = await storeOrder(api.deps.db);
  const mistyped = await openPage(api, "/dashboard/orders?stauts=FAILED&utm_source=mail");
  assert.equal(mistyped.status, 200);
  assert.match(mistyped.text, /“stauts” is not known; did you mean status\?/);
  assert.match(mistyped.text, /“utm_source” is not known; there are /);
  const pages = [
    "",
    "/orders",
    `/orders/${id}`,
    "/refunds",
    "/customers",
    "/products",
    "/kpis",
    "/imports",
    "/streams",
    "/streams/orders",
    "/notifications",
    "/dead-letters",
    "/dead-letters/decide",
  ];
  for (const path of pages) {
    const page = await openPage(api, `/dashboard${path}?nonsense=%3Cb%3E`);
    assert.equal(page.status, 200, path);
    assert.match(page.text, /“nonsense” is not known/, path);
    assert.doesNotMatch(page.html, /<b>"/);
    const plain = await openPage(api, `/dashboard${path}`);
    assert.doesNotMatch(plain.text, /is not known/, path);
    // Where its own links and forms lead, everything is known.
    const links = [...plain.html.matchAll(/href="(\/dashboard[^"]*\?[^"]*)"/g)]
      .map(([, href]) => href!.replaceAll("&amp;", "&"))
      .filter((href) => !href.includes("/assets/"));
    const forms = [
      ...plain.html.matchAll(/<form[^>]*method="get"[^>]*action="([^"]+)"[^]*?<\/form>/g),
    ]
      .map(([form, action]) => {
        const names = [...form.matchAll(/<(?:input|select|button)[^>]* name="([^"]+)"/g)];
        return `${action}?${names.map(([, name]) => `${name}=`).join("&")}`;
      });
    for (const address of new Set([...links, ...forms])) {
      const linked = await openPage(api, address);
      assert.doesNotMatch(linked.text, /is not known/, address);
    }
  }
  for (const done of ["refund", "cancel"]) {
    const after = await openPage(api, `/dashboard/orders/${id}?done=${done}`);
    assert.doesNotMatch(after.text, /is not known/);
  }
});

Deno.test("what the buttons of the upload ask for is known", async () => {
  const { html } = await openPage(api, "/dashboard/imports");
  const addresses = [...html.matchAll(/formaction="([^"]+)"/g)].map(([, address]) => address!);
  assert.ok(addresses.length >= 1);
  for (const address of addresses) {
    const sent = await sendForm(api, address, {}, { accept: "text/html" });
    assert.doesNotMatch(sent.text, /is not known/, address);
  }
});

Deno.test("a form that asks for something unknown changes nothing", async () => {
  const sent = await sendForm(api, "/dashboard/imports?previw=1", {}, { accept: "text/html" });
  assert.equal(sent.status, 400);
  assert.match(sent.text, /previw is not known; did you mean preview\?/);
});
