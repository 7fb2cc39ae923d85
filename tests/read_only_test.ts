import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../tools/engines/free_port.ts";
import { capture } from "../tools/engines/capture.ts";
import { testContext } from "./support.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Makes everything read-only but a folder of its own for temporary files, and then does what is asked for. */
const script = `
set -e
mount --make-rprivate /
awk '{ print $2 }' /proc/mounts | sort -u | while read -r place; do
  case $place in
    /dev | /dev/* | /proc | /proc/* | /sys | /sys/*) ;;
    *) mount -o remount,bind,ro "$place" ;;
  esac
done
mount -t tmpfs tmpfs "$1"
if touch "$2/written" 2> /dev/null; then echo "it can be written to"; exit 9; fi
shift 2
exec "$@"`;

/** Whether this machine lets the test have mounts of its own. */
async function maySeparate(): Promise<boolean> {
  const temporary = await Deno.realPath(`${root}.data/tmp`).catch(() => null);
  if (Deno.build.os !== "linux" || temporary === null) return false;
  const tried = await capture("unshare", ["-m", "sh", "-c", script, "sh", temporary, root, "true"])
    .catch((error) => ({ success: false, stderr: String(error), stdout: "" }));
  if (!tried.success) {
    console.error(`Not tried: no mounts of one's own: ${tried.stderr}${tried.stdout}`);
  }
  return tried.success;
}

Deno.test({
  name:
    "the image's command serves, works and imports a large file where nothing else can be written",
  ignore: !await maySeparate(),
  async fn() {
    const test = await testContext("read_only");
    const dockerfile = await Deno.readTextFile(`${root}Dockerfile`);
    const command: string[] = JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)![1]!);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const temporary = await Deno.realPath(`${root}.data/tmp`);
    const child = new Deno.Command("unshare", {
      args: ["-m", "sh", "-c", script, "sh", temporary, root, ...command],
      cwd: root,
      clearEnv: true,
      env: {
        PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
        HOME: Deno.env.get("HOME") ?? "/",
        ...Deno.env.has("DENO_DIR") ? { DENO_DIR: Deno.env.get("DENO_DIR")! } : {},
        DATABASE_URL: test.databaseUrl,
        REDIS_URL: test.redisUrl,
        REDIS_PREFIX: test.redisPrefix,
        REQUIRE_SETTINGS: "1",
        PORT: String(port),
      },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    let isOver = false;
    const over = child.status.then((status) => {
      isOver = true;
      return status;
    });
    try {
      while (!isOver && !await isReady(url));
      assert.ok(!isOver, isOver ? (await said).join("\n") : "");
      const row = (n: number) =>
        `R-${n},2026-01-05T10:00:00Z,EUR,A customer whose name takes some room ${n},MUG,Mug,1250,1\n`;
      const header =
        "external_order_id,order_placed_at,currency,customer_name,product_sku,product_name,unit_price_cents,qty\n";
      const csv = header + Array.from({ length: 110_000 }, (_, n) => row(n)).join("");
      assert.ok(csv.length > 8 * 1024 ** 2, "more than is kept in memory");
      const taken = await fetch(`${url}/imports?dry_run=true`, {
        method: "POST",
        headers: { "content-type": "text/csv" },
        body: csv,
      });
      const text = await taken.text();
      assert.equal(taken.status, 202, text);
      const events = await (await fetch(`${url}/imports/1/events`)).text();
      assert.match(events, /event: end\n.*"DONE"/);
    } finally {
      if (!isOver) child.kill("SIGTERM");
      const [out, err] = await said;
      const { code } = await over;
      assert.deepEqual([code, /EROFS|[Rr]ead-only/.test(out + err)], [0, false], out + err);
      await test.close();
    }
  },
});

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
