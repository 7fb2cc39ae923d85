import assert from "node:assert/strict";
import { openApi } from "../../api.ts";
import { type Document, operationsOf } from "./schema_values.ts";

const guide = await Deno.readTextFile(new URL("../../../../docs/integrating.md", import.meta.url));

/** Method and path of every request in the guide's blocks for a shell. */
function requestsIn(text: string): string[] {
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block!);
  const lines = blocks.join("\n").replaceAll("\\\n", " ").split("\n");
  return lines.flatMap((line) => {
    const short = /^(?:\w+=\S+ )?(get|post|put|patch|delete) "?(\/[^\s"?]*)/.exec(line);
    if (short !== null) return [`${short[1]!.toUpperCase()} ${short[2]}`];
    const whole = /^curl .*?"\$API(\/[^"?]*)/.exec(line);
    if (whole === null) return [];
    return [`${/ -(d|F|T|-data\S*|X POST)\b/.test(line) ? "POST" : "GET"} ${whole[1]}`];
  });
}

Deno.test("docs/integrating.md has a line of curl for every route of the document", async () => {
  const api = await openApi("guide");
  try {
    const document = await (await api.app.request("/openapi.json")).json() as Document;
    const requests = requestsIn(guide);
    const operations = operationsOf(document);
    for (const { method, path } of operations) {
      const pattern = new RegExp(`^${method} ${path.replace(/\{\w+\}/g, "[^/]+")}$`);
      assert.ok(requests.some((one) => pattern.test(one)), `${method} ${path}`);
    }
    for (const request of requests) {
      const response = await api.app.request(request.split(" ")[1]!, { method: "OPTIONS" });
      assert.equal(response.status, 204, `${request} is no route`);
      const methods = response.headers.get("allow") ?? "";
      assert.ok(methods.includes(request.split(" ")[0]!), `${request}: there is only ${methods}`);
    }
  } finally {
    await api.close();
  }
});
