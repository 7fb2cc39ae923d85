import assert from "node:assert/strict";
import { until } from "../../tools/chaos/harness/until.ts";

const program = `
  import { serve } from "${new URL("../../runtime/serve.ts", import.meta.url)}";
  const server = serve(
    { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) },
    () => new Response("answered"),
  );
  Deno.addSignalListener("SIGTERM", () => server.shutdown());
  await server.finished;
`;

/** Files that the process may open, some of which the runtime has open by itself; and connections that are too many. */
const files = 64, connections = 90;

Deno.test("whoever opens more connections than there may be files ends neither the server nor other connections", async () => {
  const child = new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${files}; exec "$0" eval "$1"`, Deno.execPath(), program],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number((await reader.read()).value);
  const ask = async () => {
    const signal = AbortSignal.timeout(1_000);
    return await (await fetch(`http://127.0.0.1:${port}/`, { signal })).text();
  };
  const early = await Deno.connect({ hostname: "127.0.0.1", port });
  const opened: Deno.Conn[] = [];
  try {
    for (let count = 0; count < connections; count++) {
      // Once the server has none to give, the next ones are reset, or wait.
      const one = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
      if (one !== undefined) opened.push(one);
    }
    await until("it takes no more", 10_000, () => ask().then(() => "it answers", () => true));
    await early.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    const bytes = new Uint8Array(1_000);
    const size = await early.read(bytes);
    assert.match(new TextDecoder().decode(bytes.subarray(0, size ?? 0)), /answered$/);
    for (const one of opened.splice(0)) one.close();
    await until("it takes connections again", 10_000, async () => await ask() === "answered" || "");
  } finally {
    for (const one of [early, ...opened]) one.close();
    child.kill("SIGTERM");
    await reader.cancel();
  }
  assert.equal((await child.status).code, 0);
});
