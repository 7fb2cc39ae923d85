import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listEngines, stopEngines } from "../../tools/engines/shared_engines.ts";
import { typedTask } from "../typed_task.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What a `dev` has said so far, and the wait for more. */
interface Dev {
  process: Deno.ChildProcess;
  said(): string;
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

function startDev(dir: string): Dev {
  const process = new Deno.Command(Deno.execPath(), {
    args: typedTask("dev"),
    cwd: root,
    env: {
      ENGINES_DIR: dir,
      DATABASE_URL: "",
      REDIS_URL: "",
      PORT: "",
      LOG_FORMAT: "json",
      LOG_LEVEL: "info",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  return {
    process,
    said: () => said,
    async until(pattern) {
      while (true) {
        const found = pattern.exec(said);
        if (found !== null) return found;
        const { done, value } = await reader.read();
        assert.ok(!done, said);
        said += value;
      }
    },
  };
}

/** The process that a task of `deno task` runs. */
async function childOf({ pid }: Deno.ChildProcess): Promise<number> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(pid)] }).output();
  return Number(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "dev beside dev uses the same engines and another port, and each ends with its terminal",
  // The child of a task is found by a program of Linux.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const dir = await Deno.makeTempDir({ prefix: "orders_dev_" });
    try {
      const both = [startDev(dir), startDev(dir)];
      const listening = /"listening","url":"http:\/\/127\.0\.0\.1:(\d+)"/;
      const ports = await Promise.all(
        both.map(async (dev) => Number((await dev.until(listening))[1])),
      );
      assert.notEqual(ports[0], ports[1]);
      const later = both[ports[0]! > ports[1]! ? 0 : 1]!;
      assert.match(later.said(), new RegExp(`Port 8000 is taken: using ${Math.max(...ports)}`));
      const [running] = await listEngines(dir);
      assert.equal(running!.users.length, 2);
      for (const { process, until, said } of both) {
        await until(/"consumers started"/);
        Deno.kill(await childOf(process), "SIGHUP");
        await until(/"consumers stopped"/);
        assert.equal((await process.status).code, 0, said());
      }
      assert.deepEqual((await listEngines(dir))[0]!.users, []);
    } finally {
      for (const { engines } of await listEngines(dir)) await stopEngines(engines);
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("dev ends the work in hand and begins again when a file changes", async () => {
  const dir = await Deno.makeTempDir({ prefix: "orders_dev_" });
  const dev = startDev(dir);
  try {
    await dev.until(/"consumers started"/);
    const now = new Date();
    await Deno.utime(`${root}LICENSE`, now, now);
    await dev.until(/"consumers stopped"[\s\S]*A file has changed: start begins again/);
    await dev.until(/begins again[\s\S]*"consumers started"/);
  } finally {
    dev.process.kill("SIGTERM");
    await dev.until(/begins again[\s\S]*"consumers stopped"/);
    await dev.process.status;
    for (const { engines } of await listEngines(dir)) await stopEngines(engines);
    await Deno.remove(dir, { recursive: true });
  }
});
