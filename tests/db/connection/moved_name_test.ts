import assert from "node:assert/strict";
import { join } from "node:path";
import { capture } from "../../../tools/engines/capture.ts";
import { ownDatabase } from "../../own_engines.ts";

/** Has its connection ended for each line that it reads, and asks again over another one. */
const program = `
  const { openDatabase } = await import(Deno.args[1]);
  const db = await openDatabase(Deno.args[0], { connections: 1 });
  console.log("open");
  for await (const _ of Deno.stdin.readable) {
    await db.query("kill connection_id()").catch(() => {});
    await db.transaction((tx) => tx.query("select 1"));
    console.log("again");
  }
  await db.close();`;

const root = new URL("../../../", import.meta.url);

/** Whether this machine lets a process have a file of names of its own. */
const hasOwnNames = await capture("unshare", ["--mount", "--map-root-user", "true"])
  .then(({ success }) => success, () => false);

/** Relays another address of this machine to the port of the same number; counts who came. */
function secondAddress(port: number) {
  const listener = Deno.listen({ hostname: "127.0.0.2", port });
  let came = 0;
  (async () => {
    for await (const client of listener) {
      came++;
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      client.readable.pipeTo(server.writable).catch(() => {});
      server.readable.pipeTo(client.writable).catch(() => {});
    }
  })();
  return { came: () => came, close: () => listener.close() };
}

Deno.test({
  name: "a name that moves to another address is followed: every connection looks it up anew",
  // Only Linux has namespaces, and not for everybody.
  ignore: !hasOwnNames,
  fn: async () => {
    await using server = await ownDatabase();
    const second = secondAddress(server.port);
    const dir = await Deno.makeTempDir();
    const hosts = join(dir, "hosts");
    await Deno.writeTextFile(hosts, "127.0.0.1 moving.test\n");
    await Deno.writeTextFile(join(dir, "program.ts"), program);
    const child = new Deno.Command("unshare", {
      args: [
        ...["--mount", "--map-root-user", "sh", "-c"],
        'mount --bind "$1" /etc/hosts && shift && exec "$@"',
        ...["sh", hosts, Deno.execPath(), "run", "-q", "-A", "--no-check"],
        ...["--config", new URL("deno.json", root).pathname, join(dir, "program.ts")],
        server.url.replace("127.0.0.1", "moving.test"),
        new URL("db/connection/database.ts", root).href,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const input = child.stdin.getWriter();
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const line = () => input.write(new TextEncoder().encode("\n"));
    try {
      assert.equal((await output.read()).value, "open\n");
      assert.equal(second.came(), 0);
      // The same file, as the process has it.
      await Deno.writeTextFile(hosts, "127.0.0.2 moving.test\n");
      await line();
      assert.equal((await output.read()).value, "again\n");
      assert.equal(second.came(), 1);
      await Deno.writeTextFile(hosts, "127.0.0.1 moving.test\n");
      await line();
      assert.equal((await output.read()).value, "again\n");
      assert.equal(second.came(), 1);
    } finally {
      await input.close().catch(() => {});
      await child.status;
      await output.cancel();
      second.close();
      await Deno.remove(dir, { recursive: true });
    }
  },
});
