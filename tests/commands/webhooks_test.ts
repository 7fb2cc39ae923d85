import assert from "node:assert/strict";
import { deliverWebhooks } from "../../streams/webhooks/deliver_webhooks.ts";
import { receiveWebhooks } from "../receivers.ts";
import { withWorkflow } from "../workflow.ts";
import { envOf, run } from "./run_command.ts";

const secretIn = (text: string) => /^Secret, shown this once: (whsec_\S+)$/m.exec(text)?.[1];

Deno.test("webhooks adds, lists, rotates, switches and removes endpoints, and shows each secret once", async () => {
  await withWorkflow("cli_webhooks", async (flow) => {
    const type = (...args: string[]) => run(envOf(flow), "webhooks", ...args);
    assert.deepEqual((await type()).out, "There is no endpoint yet; webhooks add URL adds one");
    const url = "https://shop.example/hooks/own-secret";
    const added = await type("add", url, "--events=order.*, stock.received", "--description=ERP");
    assert.equal(added.code, 0);
    assert.match(added.out, /^Added endpoint 1\n/);
    const first = secretIn(added.out)!;
    const again = await type("add", url);
    assert.deepEqual([again.code, again.out], [1, ""]);
    assert.match(again.err, /endpoint 1 has this URL$/);
    const listed = await type("list");
    assert.match(
      listed.out,
      /^ *1 +on +0 +0 +https:\/\/shop\.example +order\.\*,stock\.received +ERP$/m,
    );
    assert.ok(!listed.out.includes("own-secret"));
    const { data: [one] } = JSON.parse((await type("--json")).out);
    assert.deepEqual([one.url, one.types], [url, ["order.*", "stock.received"]]);

    const rotated = await type("rotate", "1", "--overlap=60");
    assert.match(rotated.out, /^The secret before signs beside it until 2\S+Z\n/);
    const second = secretIn(rotated.out)!;
    assert.notEqual(second, first);
    const third = await type("rotate", "1");
    assert.equal(third.code, 1);
    assert.match(third.err, /the one before signs until/);
    assert.match(
      (await type("rotate", "1", "--overlap=0")).out,
      /^The secret before counts no more/,
    );

    assert.equal((await type("switch-off", "1")).out, "Endpoint 1 is switched off");
    assert.match((await type("test", "1")).err, /it is switched off$/);
    assert.equal((await type("switch-on", "1")).out, "Endpoint 1 is switched on");
    assert.equal((await type("retry", "1")).out, "Posted again: 0 events");
    assert.equal((await type("remove", "1")).out, "Removed endpoint 1");
    const gone = await type("remove", "1");
    assert.deepEqual([gone.code, gone.err], [1, "webhooks: There is no webhook endpoint 1"]);

    const audit = await flow.rows("select * from audit_log order by id");
    assert.ok(
      audit.some(({ action, actor }) =>
        action === "webhook_endpoint.rotate" && String(actor).startsWith("cli:ann@")
      ),
    );
    const told = JSON.stringify(audit);
    for (const secret of [first, second, "own-secret"]) assert.ok(!told.includes(secret));
  });
});

Deno.test("webhooks test tells what the endpoint answered", async () => {
  await withWorkflow("cli_webhooks_test", async (flow) => {
    const stop = new AbortController();
    let delivering: Promise<void> | undefined;
    const env = { ...envOf(flow), WEBHOOK_PRIVATE_ADDRESSES: "1" };
    // The secret is known once the endpoint is there.
    const added = await run(env, "webhooks", "add", "http://127.0.0.1:1/");
    const receiver = receiveWebhooks(secretIn(added.out)!);
    await flow.rows("update webhook_endpoints set url = ?", [receiver.url]);
    try {
      const config = {
        webhookPrivateAddresses: true,
        webhookSecretsKey: "",
        notifyTimeoutMs: 5_000,
      };
      delivering = deliverWebhooks({ ...flow, config }, stop.signal);
      const tested = () => run(env, "webhooks", "test", "1");
      const good = await tested();
      assert.equal(good.code, 0, good.err);
      assert.match(good.out, /^Test event evt_test-[0-9a-f]{16}\nAnswered 204 after \d+ ms$/);
      receiver.answer = () => new Response("no", { status: 503 });
      const bad = await tested();
      assert.equal(bad.code, 1);
      assert.match(bad.err, /^It was not taken: .*503/);
    } finally {
      stop.abort();
      await delivering;
      await receiver.close();
    }
  });
});

Deno.test("webhooks refuses what it can't do, and says what to type", async () => {
  await withWorkflow("cli_webhooks_wrong", async (flow) => {
    const type = (...args: string[]) => run(envOf(flow), "webhooks", ...args);
    const cases: [args: string[], code: number, says: RegExp][] = [
      [["send"], 2, /There is no "webhooks send"; there are list, add, rotate/],
      [["add"], 2, /webhooks add needs the URL/],
      [["rotate"], 2, /webhooks rotate needs the ID/],
      [["rotate", "x"], 2, /ID must be an integer/],
      [["rotate", "1", "--overlap=9999999"], 2, /--overlap must be an integer 0…604800/],
      [["test", "1", "--json"], 2, /--json does not go with webhooks test/],
      [["add", "http://shop.example"], 1, /The URL must begin with https:\/\//],
      [["add", "https://localhost/x"], 1, /must not lead into a private network/],
      [
        ["add", "https://shop.example", "--events=order.sold"],
        1,
        /The events must be types .* not "order.sold"/,
      ],
      [
        ["add", "https://shop.example", `--description=${"x".repeat(256)}`],
        1,
        /The description must have at most 255/,
      ],
      [["switch-on", "7"], 1, /There is no webhook endpoint 7/],
    ];
    for (const [args, code, says] of cases) {
      const ran = await type(...args);
      assert.equal(ran.code, code, args.join(" "));
      assert.match(ran.err, says);
      assert.equal(ran.out, "");
    }
    assert.deepEqual(await flow.rows("select id from webhook_endpoints"), []);
  });
});

Deno.test("webhooks leaves no secret open in a shell without the key by which others are sealed", async () => {
  await withWorkflow("cli_webhooks_key", async (flow) => {
    const type = (key: string, ...args: string[]) =>
      run({ ...envOf(flow), WEBHOOK_SECRETS_KEY: key }, "webhooks", ...args);
    assert.equal((await type("", "add", "https://open.example/hook")).code, 0);
    assert.equal((await type("k1", "add", "https://one.example/hook")).code, 0);
    for (const args of [["add", "https://two.example/hook"], ["rotate", "1", "--overlap=0"]]) {
      const refused = await type("", ...args);
      assert.deepEqual([refused.code, refused.out], [1, ""]);
      assert.match(
        refused.err,
        /WEBHOOK_SECRETS_KEY is not set here: set it as the service has it$/,
      );
    }
    // Another key than before is how secrets are replaced after it was changed.
    assert.equal((await type("k2", "rotate", "1", "--overlap=0")).code, 0);
    const rows = await flow.rows("select secret from webhook_endpoints order by id");
    assert.equal(rows.length, 2);
    for (const { secret } of rows) assert.match(String(secret), /^sealed1:/);
  });
});
