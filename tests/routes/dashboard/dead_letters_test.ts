import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { countDeadLetters } from "../../../db/dead_letters/dead_letter_counts.ts";
import { entryOf, type Group } from "../../../domain/messages/messages.ts";
import { type Api, openApi, storeOrder } from "../api.ts";
import { fieldOf, openPage, sendForm } from "./pages.ts";

/** The pages on engines of their own; every test counts all dead letters. */
async function withApi(work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi("dashboard_dead_letters");
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

/** Dead-letters a charge for each amount, in cents, of orders of their own unless one is named. */
async function bury(
  { deps }: Api,
  amounts: readonly number[],
  { group = "payments", error = "provider away", orderId: named }: {
    group?: Group;
    error?: string;
    orderId?: number;
  } = {},
): Promise<void> {
  await deadLetterMessages(
    deps.db,
    amounts.map((amountCents, index) => {
      const orderId = named ?? index + 1;
      return {
        group,
        messageId: `${Date.now()}-${crypto.getRandomValues(new Uint32Array(1))[0]}`,
        orderId,
        refundId: null,
        amountCents,
        currency: "EUR",
        payload: JSON.stringify(
          entryOf({ type: "payment.charge", orderId, amountCents, currency: "EUR" }),
        ),
        error,
        attempts: 5,
        firstSeenMs: Date.now(),
      };
    }),
  );
}

function amountsOn(html: string): string[] {
  return [...html.matchAll(/<span class="num nowrap">€([\d.,]+)</g)].map(([, amount]) => amount!);
}

Deno.test("dead letters come with the most money first, page after page", () =>
  withApi(async (api) => {
    const amounts = Array.from({ length: 70 }, (_, index) => (index * 37 % 70 + 1) * 100);
    await bury(api, [...amounts, 500, 500]);
    const first = await openPage(api, "/dashboard/dead-letters");
    assert.match(first.text, /72 wait for a decision, €2,495.00 at stake/);
    const next = /href="([^"]+cursor=[^"]+)"/.exec(first.html)![1]!.replaceAll("&amp;", "&");
    const second = await openPage(api, next);
    const seen = [...amountsOn(first.html), ...amountsOn(second.html)].map(Number);
    assert.deepEqual(seen, [...amounts, 500, 500].map((c) => c / 100).sort((a, b) => b - a));
  }));

Deno.test("the filters of dead letters hold for the list and for what is decided", () =>
  withApi(async (api) => {
    await bury(api, [100, 200], { error: "50%_off" });
    await bury(api, [300], { group: "refunds", error: "50%_off" });
    await bury(api, [400], { error: "50 times off" });
    const query = "group=payments&error=50%25_&least=1.50";
    assert.deepEqual(amountsOn((await openPage(api, `/dashboard/dead-letters?${query}`)).html), [
      "2.00",
    ]);
    const question = await openPage(
      api,
      `/dashboard/dead-letters/decide?verb=discard&all=1&${query}`,
    );
    assert.match(question.text, /Discard 1 dead letter\? 1 waits for a decision, €2.00 at stake/);
    await bury(api, [900], { error: "50%_off" });
    const form = Object.fromEntries(
      ["verb", "all", "group", "error", "least", "upto"].map((
        name,
      ) => [name, fieldOf(question, name)]),
    );
    const sent = await sendForm(api, "/dashboard/dead-letters/decide", form);
    assert.equal(sent.headers.get("location"), "/dashboard/dead-letters?done=1&verb=discard");
    const left = await openPage(api, "/dashboard/dead-letters");
    assert.deepEqual(
      amountsOn(left.html),
      ["9.00", "4.00", "3.00", "1.00"],
      "what came later stays",
    );
  }));

Deno.test("a decision about old dead letters is about those that were old when it was asked for", () =>
  withApi(async (api) => {
    await bury(api, [100, 200]);
    await api.deps.db.runText(
      "update dead_letters set created_at = created_at - interval 2 hour where amount_cents = 100",
    );
    const question = await openPage(
      api,
      "/dashboard/dead-letters/decide?verb=discard&all=1&older=1",
    );
    assert.match(question.text, /Discard 1 dead letter\?/);
    const names = ["verb", "all", "older", "before", "upto"];
    const form = Object.fromEntries(names.map((name) => [name, fieldOf(question, name)]));
    const send = async (change: Record<string, string>) => {
      const sent = await sendForm(api, "/dashboard/dead-letters/decide", { ...form, ...change });
      return sent.status === 303 ? sent.headers.get("location") : sent.status;
    };
    for (const before of ["", "yesterday", "2026-02-31 00:00:00.000", "0"]) {
      assert.equal(await send({ before }), 400, before);
    }
    const earlier = "2001-01-01 00:00:00.000";
    assert.match(String(await send({ before: earlier })), /done=0/, "not the hour before now");
    assert.match(String(await send({})), /done=1/);
  }));

Deno.test("selected dead letters are published again, once, and their orders' timelines say so", () =>
  withApi(async (api) => {
    const { redis, keys, db } = api.deps;
    const orderId = await storeOrder(db, { status: "RESERVED" });
    await bury(api, [100, 200, 300], { orderId });
    const { html } = await openPage(api, "/dashboard/dead-letters");
    const ids = [...html.matchAll(/name="ids" value="(\d+)"/g)].map(([, id]) => id!).slice(0, 2);
    const one = await openPage(api, `/dashboard/dead-letters/${ids[0]}`);
    assert.match(one.text, /type: payment.charge orderId: \d+ amountCents: 300/);
    const question = await openPage(
      api,
      `/dashboard/dead-letters/decide?verb=retry&ids=${ids[0]}&ids=${ids[1]}`,
    );
    assert.match(question.text, /Retry 2 dead letters\?/);
    const form = Object.fromEntries(
      ["verb", "ids", "upto"].map((name) => [name, fieldOf(question, name)]),
    );
    for (const count of [2, 0]) {
      const sent = await sendForm(api, "/dashboard/dead-letters/decide", form);
      assert.equal(
        sent.headers.get("location"),
        `/dashboard/dead-letters?done=${count}&verb=retry`,
      );
    }
    assert.equal(await redis.xlen(keys.stream("payments")), 2);
    assert.deepEqual(await countDeadLetters(db), new Map([["payments", 1]]));
    const { text } = await openPage(api, `/dashboard/orders/${orderId}`);
    assert.match(text, /Dead letter retried/);
  }));

Deno.test("no retry is offered for dead letters of which none can succeed", () =>
  withApi(async (api) => {
    const hopeless = "the provider says that it declined the payment";
    await bury(api, [100, 200], { error: hopeless });
    const { text } = await openPage(api, "/dashboard/dead-letters");
    assert.match(text, /Discard selected….*Discard all 2 matching/s);
    assert.doesNotMatch(text, /Retry/);
    await bury(api, [300]);
    const mixed = (await openPage(api, "/dashboard/dead-letters")).text;
    assert.match(mixed, /Retry selected….*Retry all 3 matching/s);
  }));

Deno.test("a decision that is not clear is none", () =>
  withApi(async (api) => {
    await bury(api, [100]);
    const forms: Record<string, string>[] = [
      {},
      { verb: "retry" },
      { verb: "retry", all: "1", upto: "x" },
      { verb: "discard", ids: "", upto: "9" },
      { verb: "discard", ids: "1,x", upto: "9" },
      { verb: "burn", all: "1", upto: "9" },
      { verb: "discard", all: "1", upto: "9", least: "much" },
      { verb: "discard", all: "1", upto: "9", group: "everything" },
    ];
    for (const form of forms) {
      const { status } = await sendForm(api, "/dashboard/dead-letters/decide", form);
      assert.equal(status, 400, JSON.stringify(form));
    }
    assert.match(
      (await openPage(api, "/dashboard/dead-letters/decide?verb=retry")).text,
      /Nothing is selected/,
    );
    assert.deepEqual(await countDeadLetters(api.deps.db), new Map([["payments", 1]]));
  }));
