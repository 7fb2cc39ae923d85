import { hostname } from "node:os";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { verifyNow } from "../settled_workflow.ts";
import { anOrder, openWorkflow, type Workflow } from "../workflow.ts";
import { envOf, type Ran, run } from "./run_command.ts";
import { typedTask } from "../typed_task.ts";

/** A workflow with 50 units of `a`, a folder for files, and the command. */
async function withStock(
  name: string,
  work: (
    flow: Workflow,
    type: (...args: string[]) => Promise<Ran>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  const flow = await openWorkflow(name);
  const folder = await Deno.makeTempDir();
  try {
    await flow.add([anOrder("x", [{ sku: "a", qty: 8 }])]);
    await flow.turn("orders");
    await work(flow, (...args) => run(envOf(flow), "stock", ...args), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await flow.close();
  }
}

const actorsOf = async ({ rows }: Workflow) =>
  (await rows("select actor, detail from stock_movements order by id")).map((row) =>
    Object.values(row)
  );

Deno.test("stock SKU names who changed it, and why", () =>
  withStock("cli_stock_one", async (flow, type) => {
    assert.equal((await type("a", "--add=3", "--detail=delivery 7")).code, 0);
    assert.deepEqual(await actorsOf(flow), [["test", "first stock"], [
      `cli:ann@${hostname()}`,
      "delivery 7",
    ]]);
  }));

Deno.test("stock --file applies a file, prints counts and reasons, and writes rejects that can be mended", () =>
  withStock("cli_stock_file", async (flow, type, folder) => {
    const path = `${folder}/stock.csv`;
    const rejects = `${folder}/rejects.csv`;
    await Deno.writeTextFile(
      path,
      "\ufeffsku,Add_qty,name,price_cents\r\na,5,,\r\n=b,7,New,1250\r\nc,1.5,,\r\nd,1,,\r\n",
    );
    const { code, out } = await type(
      `--file=${path}`,
      "--create",
      `--rejects=${rejects}`,
    );
    assert.equal(code, 0);
    const lines = out.split("\n");
    assert.match(lines[0]!, /^4 rows in [\d.]+ s$/);
    assert.deepEqual(lines.slice(1, 7).map((line) => line.trim().split(/ {2,}/)), [
      ["changed", "2"],
      ["unchanged", "0"],
      ["rejected", "2"],
      ["products created", "1"],
      ["units received", "12"],
      ["units taken off", "0"],
    ]);
    assert.match(lines[7]!, /^line 4: add_qty: "1.5" must be an integer/);
    assert.match(
      lines[8]!,
      /^line 5: sku: there is no such product.*name and price_cents \("d"\)$/,
    );
    assert.equal(lines[9], `Rejects file: ${rejects}`);
    const mended = (await Deno.readTextFile(rejects)).replace("c,1.5,,", "=b,1.5,,").replace(
      "=b,1.5",
      "'=b,2",
    );
    await Deno.writeTextFile(path, mended);
    const again = await type(`--file=${path}`, "--json");
    const { seconds, ...report } = JSON.parse(again.out.split("\n").at(-1)!);
    assert.ok(seconds >= 0);
    assert.deepEqual(report, {
      rows: 2,
      rows_changed: 1,
      rows_unchanged: 0,
      rows_rejected: 1,
      products_created: 0,
      units_received: 2,
      units_corrected: 0,
    });
    assert.equal(await flow.stock("a"), 47);
    assert.equal(await flow.stock("=b"), 9);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("stock --file adds once, unless it is said again", () =>
  withStock("cli_stock_again", async (flow, type, folder) => {
    const path = `${folder}/stock.csv.gz`;
    await Deno.writeFile(path, gzipSync("sku,add_qty\na,5\n"));
    assert.equal((await type(`--file=${path}`)).code, 0);
    const refused = await type(`--file=${path}`);
    assert.equal(refused.code, 1);
    assert.match(
      refused.err,
      /was applied on .* by cli:ann@\S+; --again \(again=true over HTTP\) adds them once more/,
    );
    assert.equal((await type(`--file=${path}`, "--again")).code, 0);
    assert.equal(await flow.stock("a"), 52);
  }));

Deno.test("stock --file exits 1 where no row was taken, and 2 for what makes no sense", () =>
  withStock("cli_stock_wrong", async (flow, type, folder) => {
    const path = `${folder}/stock.csv`;
    await Deno.writeTextFile(path, "sku,set_qty\nnothing,1\n");
    const none = await type(`--file=${path}`);
    assert.equal(none.code, 1);
    assert.match(none.out, /None of the file's rows was taken/);
    const missing = await type(`--file=${folder}/missing.csv`);
    assert.deepEqual([missing.code, missing.err], [
      1,
      `stock: Cannot apply ${folder}/missing.csv: there is no such file`,
    ]);
    for (
      const args of [
        ["a", `--file=${path}`],
        [`--file=${path}`, "--set=1"],
        ["a", "--create"],
        ["a", "--rejects=x"],
        [],
      ]
    ) {
      assert.equal((await type(...args)).code, 2, args.join(" "));
    }
    assert.equal(await flow.stock("a"), 42);
  }));

Deno.test("stock --file refuses to overwrite the file that it reads, and changes nothing", () =>
  withStock("cli_stock_source", async (flow, type, folder) => {
    const path = `${folder}/stock.csv`;
    const text = "sku,add_qty\na,5\nnothing,1\n";
    await Deno.writeTextFile(path, text);
    await Deno.symlink(path, `${folder}/link.csv`);
    await Deno.copyFile(path, `${folder}/other.csv.partial`);
    for (
      const [source, rejects] of [
        [path, path],
        [path, `${folder}/link.csv`],
        [`${folder}/other.csv.partial`, `${folder}/other.csv`],
      ]
    ) {
      const { code, err } = await type(`--file=${source}`, `--rejects=${rejects}`);
      assert.deepEqual([code, err], [
        2,
        `stock: --rejects=${rejects} names the file that is read: name another`,
      ]);
      assert.equal(await Deno.readTextFile(source!), text);
    }
    assert.equal(await flow.stock("a"), 42);
  }));

Deno.test("the task stock uses no socket that start may not use", () =>
  withStock("cli_stock_places", async (flow, _, folder) => {
    const env = envOf(flow);
    const url = new URL(env.DATABASE_URL!);
    url.searchParams.set("socket", `${folder}/db.sock`);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: typedTask("stock", "a"),
      cwd: new URL("../../", import.meta.url),
      env: { ...env, DATABASE_URL: url.href },
    }).output();
    const said = new TextDecoder().decode(stderr);
    assert.equal(code, 2, said);
    assert.ok(said.includes(`DATABASE_URL names ${folder}/db.sock, which`), said);
  }));

Deno.test("the task stock may read a file and write its rejects, and takes up again what was killed", () =>
  withStock("cli_stock_killed", async (flow, _, folder) => {
    const path = `${folder}/stock.csv`;
    const rows = Array.from({ length: 20_000 }, (_, n) => `k${n},1,Name,100\n`);
    await Deno.writeTextFile(path, `sku,add_qty,name,price_cents\n${rows.join("")}`);
    const task = () =>
      new Deno.Command(Deno.execPath(), {
        args: typedTask(
          "stock",
          `--file=${path}`,
          "--create",
          `--rejects=${folder}/r.csv`,
          "--json",
        ),
        cwd: new URL("../../", import.meta.url),
        env: envOf(flow),
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    const child = task();
    // Killed once it has begun with its rows.
    for (;;) {
      const [row] = await flow.rows("select rows_done, finished_at from stock_files");
      if (row !== undefined && (Number(row.rows_done) > 0 || row.finished_at !== null)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await killTree(child.pid);
    await child.output();
    const { code, stdout, stderr } = await task().output();
    const [file] = await flow.rows("select rows_done, rows_changed, finished_at from stock_files");
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(JSON.parse(new TextDecoder().decode(stdout).trim()).rows_changed, 20_000);
    assert.deepEqual([Number(file!.rows_done), Number(file!.rows_changed)], [20_000, 20_000]);
    const [sum] = await flow.rows(
      "select count(*) as n, sum(stock_qty) as units from products where sku like 'k%'",
    );
    assert.deepEqual([Number(sum!.n), Number(sum!.units)], [20_000, 20_000]);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

/** Kills a task together with the process that it runs. */
async function killTree(pid: number): Promise<void> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", String(pid)] })
    .output();
  for (const child of new TextDecoder().decode(stdout).trim().split(/\s+/).filter(Boolean)) {
    Deno.kill(Number(child), "SIGKILL");
  }
  Deno.kill(pid, "SIGKILL");
}
