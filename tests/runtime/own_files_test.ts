import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bun } from "../../runtime/bun.ts";
import { ownPath } from "../../runtime/own_files.ts";
import { capture } from "../../tools/engines/capture.ts";

const file = new URL("../../runtime/own_files.ts", import.meta.url);

Deno.test("ownPath() is in the product's folder", () => {
  assert.equal(ownPath("runtime/own_files.ts"), fileURLToPath(file));
});

Deno.test("ownPath() of an executable is in the folder where that was started, whatever it is called", async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "orders_own_files_")));
  try {
    const cwd = join(folder, "100% of #1?");
    await mkdir(cwd);
    await writeFile(
      join(folder, "started.ts"),
      `globalThis.ordersCarried = { texts: {}, modules: {} };
      const { ownPath } = await import(${JSON.stringify(file.href)});
      console.log(ownPath(".data/tmp"));`,
    );
    const args = bun === undefined ? ["run", "-A"] : ["run"];
    const started = await capture(process.execPath, [...args, join(folder, "started.ts")], { cwd });
    assert.equal(started.stdout.trim(), join(cwd, ".data/tmp"), started.stderr);
  } finally {
    await rm(folder, { recursive: true });
  }
});
