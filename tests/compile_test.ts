import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { capture } from "../tools/engines/capture.ts";
import { freePort } from "../tools/engines/free_port.ts";
import { findBun } from "./bun.ts";
import { type Api, openApi } from "./routes/api.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

let api: Api;
let folder: string;
Deno.test.beforeAll(async () => {
  api = await openApi("compiled");
  folder = await Deno.makeTempDir();
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
  await api.close();
});

const bun = await findBun();

Deno.test({
  name: "one executable migrates, imports, consumes and serves, whatever lies in the folder",
  ignore: bun === undefined,
  async fn() {
    const file = `${folder}/orders`;
    const built = await capture(bun!, ["run", "tools/compile/build.ts", `--out=${file}`], {
      cwd: root,
    });
    assert.ok(built.success, built.stderr);
    const own = { cwd: folder, env: { ...api.env, LOG_LEVEL: "error", GATEWAY_DELAY_MS: "0" } };
    const run = async (...args: string[]) => {
      const { success, stdout, stderr } = await capture(file, args, own);
      assert.ok(success, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    // Whoever wrote the folder's files has no say in what runs.
    await Deno.writeTextFile(`${folder}/bunfig.toml`, 'preload = ["./other.ts"]\n');
    await Deno.writeTextFile(`${folder}/other.ts`, 'console.log("code of the folder");\n');
    await Deno.writeTextFile(`${folder}/.env`, "LOG_LEVEL=no level\nAPI_TOKENS=no entry\n");
    assert.match(await run("--help"), /^Usage: orders COMMAND/);
    const bare = new URL(api.env.DATABASE_URL!);
    bare.pathname += "_bare";
    const migrated = await capture(file, ["migrate"], {
      ...own,
      env: { ...own.env, DATABASE_URL: bare.href },
    });
    await api.deps.db.run(`drop database if exists \`${bare.pathname.slice(1)}\``);
    assert.ok(migrated.success, migrated.stderr);
    const newest = (await Array.fromAsync(Deno.readDir(`${root}migrations`)))
      .map(({ name }) => name.replace(".sql", "")).sort().at(-1)!;
    assert.ok(migrated.stdout.includes(newest), migrated.stdout);
    await Deno.writeTextFile(
      `${folder}/orders.csv`,
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
        "product_sku,product_name,unit_price_cents,qty\n" +
        "C-1,2026-01-05 10:00:00,EUR,c1,c1@example.com,Ann,COMPILED,Mug,1250,2\n",
    );
    assert.match(await run("import", "orders.csv", "--json"), /"orders_new":1/);
    await run("consume", "--drain");
    assert.match(await run("verify"), /agree/);
    const port = await freePort();
    const served = new Deno.Command(file, {
      args: ["serve"],
      ...own,
      env: { ...own.env, PORT: String(port) },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const ask = async (path: string) => {
        for (let tried = 0;; tried++) {
          try {
            return await fetch(`http://127.0.0.1:${port}${path}`);
          } catch (error) {
            if (tried === 400) throw error;
            await new Promise((resolve) => setTimeout(resolve, 25));
          }
        }
      };
      const listed = await ask("/orders?status=PAID");
      const said = await listed.text();
      assert.equal(listed.status, 200, said);
      assert.equal(JSON.parse(said).data[0].external_order_id, "C-1");
      for (const path of ["/dashboard", "/docs", "/openapi.json"]) {
        const answer = await ask(path);
        await answer.body?.cancel();
        assert.equal(answer.status, 200, path);
      }
    } finally {
      served.kill("SIGTERM");
    }
    assert.equal((await served.status).code, 0);
  },
});
