/**
 * `deno task client`: the typed client as a package that needs nothing of the server. Types that routes/client.ts infers
 * from the schemas are written out, so whoever installs it needs Hono's client and no schemas.
 *
 * @module
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { typeOf } from "./type_of_schema.ts";

const root = new URL("../../", import.meta.url);

const help = `
Builds the typed client as a package for npm and JSR into .data/client/.

Usage: deno task client [--out=FOLDER]

Then: npm publish FOLDER, or deno publish in it.`.trim();

/** A schema that the client names, by the name under which its module has it. */
type Schemas = Record<string, z.ZodType>;

/** Names of schemas and the modules that they come from, as routes/client.ts imports them. */
async function readSchemas(client: string): Promise<Schemas> {
  const schemas: Schemas = {};
  for (
    const [, names, path] of client.matchAll(/^import type \{([^}]*)\} from "(\.\/[^"]+)";$/gm)
  ) {
    const module = await import(new URL(path!.replace("./", "routes/"), root).href);
    for (const [name] of names!.matchAll(/\w+/g)) schemas[name] = module[name];
  }
  return schemas;
}

/** The types of every schema, as text: what is sent and what comes. */
function writeTypes(schemas: Schemas): string {
  return Object.entries(schemas).map(([name, schema]) => {
    const [input, output] = (["input", "output"] as const).map((io) =>
      typeOf(z.toJSONSchema(schema, { io, unrepresentable: "any" }))
    );
    const title = `${name[0]!.toUpperCase()}${name.slice(1)}`;
    return `export interface ${title} {\n  input: ${input};\n  output: ${output};\n}\n`;
  }).join("\n");
}

/** The client without schemas: each is one of the written types instead. */
function withoutSchemas(client: string, names: string[]): string {
  const title = (name: string) => `${name[0]!.toUpperCase()}${name.slice(1)}`;
  return client
    .replace(/^import type \{[^}]*\} from "\.\/[^"]+";\n/gm, "")
    .replace(
      'import type { z } from "zod";\n',
      `import type { ${names.map(title).join(", ")} } from "./types.ts";\n\n` +
        "/** What is sent and what comes of one kind. */\ntype Shape = { input: unknown; output: unknown };\n",
    )
    .replaceAll('"../domain/notification/webhook_body.ts"', '"./webhooks.ts"')
    .replaceAll('"../domain/feed/feed_event.ts"', '"./events.ts"')
    .replaceAll("z.ZodType", "Shape")
    .replace(/\btypeof (\w+)/g, (whole, name) => names.includes(name) ? title(name) : whole)
    .replace(/\bz\.(input|output)<([^<>]+)>/g, '$2["$1"]');
}

/**
 * The files of the package, by their paths in it.
 *
 * @throws {Error} where a schema can't be written as a type
 */
export async function clientPackage(): Promise<Record<string, string>> {
  const read = (path: string) => readFile(new URL(path, root), "utf8");
  const source = await read("routes/client.ts");
  const project = JSON.parse(await read("deno.json"));
  const schemas = await readSchemas(source);
  const client = withoutSchemas(source, Object.keys(schemas));
  const hono = project.imports.hono.replace("npm:hono@", "");
  const named = { name: "@orders/client", version: project.version, license: project.license };
  const exports = { types: "./client.d.ts", default: "./client.js" };
  const npm = {
    ...named,
    description: "Typed client of the orders workflow's API, and the types of its webhooks",
    type: "module",
    exports: { ".": exports },
    files: ["*.js", "*.d.ts"],
    dependencies: { hono },
    engines: { node: ">=20" },
  };
  const jsr = { ...named, exports: "./client.ts", imports: { hono: `npm:hono@${hono}` } };
  const types = writeTypes(schemas);
  const events = await read("domain/feed/feed_event.ts");
  const webhooks = await read("domain/notification/webhook_body.ts");
  const verify = (await read("routes/verify_webhook.ts"))
    .replace('"../domain/notification/webhook_body.ts"', '"./webhooks.ts"');
  return {
    "package.json": `${JSON.stringify(npm, null, 2)}\n`,
    "deno.json": `${JSON.stringify(jsr, null, 2)}\n`,
    "client.ts": client,
    "types.ts": types,
    "events.ts": events,
    "webhooks.ts": webhooks,
    "verify_webhook.ts": verify,
    "client.js": scriptOf(client),
    "verify_webhook.js": scriptOf(verify),
    "client.d.ts": declarationsOf(client),
    "verify_webhook.d.ts": declarationsOf(verify),
    "types.d.ts": types,
    "events.d.ts": events,
    "webhooks.d.ts": webhooks,
    "README.md": readme,
    "LICENSE": await read("LICENSE"),
  };
}

/** What runs, without its types. */
function scriptOf(source: string): string {
  return stripTypeScriptTypes(source.replace(/^ +type \w+,\n/gm, ""))
    .replaceAll(/"\.\/(\w+)\.ts"/g, '"./$1.js"')
    .replace(/^\s*\n/gm, "").replace(/ +$/gm, "");
}

/** What is exported, without bodies. */
function declarationsOf(source: string): string {
  return source
    .replace(/^(?:\/\*\*(?:(?!\*\/)[^])*\*\/\n)?(?:async )?function [^]*?\n\}\n/gm, "")
    .replace(
      /^export (?:async )?(function \w+(?:<[^>]*>)?\([^]*?\n\): .*?) \{\n[^]*?\n\}\n/gm,
      "export declare $1;\n",
    )
    .replace(/^export class/gm, "export declare class")
    .replace(/^ {2}override name = (".*");$/gm, "  override name: string;")
    .replace(/(\w+): (.+) = \{\},$/gm, "$1?: $2,")
    .replaceAll(/"\.\/(\w+)\.ts"/g, '"./$1.js"');
}

const readme = `# Client of the orders workflow

\`\`\`ts
import { ordersClient, verifyWebhook } from "@orders/client";

const { orders } = ordersClient("https://orders.example", token);
const shown = await orders[":id"].$get({ param: { id: "42" } });
if (shown.ok) console.log((await shown.json()).status);

// A receiver of webhooks: throws for what is not ours, or is more than five minutes old.
const { id, event } = await verifyWebhook(await request.text(), request.headers, secrets);
if (event.type === "order.paid") console.log(id, event.data.amount_cents);
\`\`\`

Every route with what it takes and gives. \`Webhook\` is the body of webhooks to the addresses of the operator's settings,
\`EndpointWebhook\` of those to an endpoint of \`/webhook-endpoints\`: \`verifyWebhook<EndpointWebhook>(…)\`. It looks whether
one is ours, by Web Crypto alone: on Node from version 20 on, Deno, Bun and in workers. The body must be as it came, byte for byte.
`;

if (import.meta.main) {
  const [option = `--out=${fileURLToPath(new URL(".data/client", root))}`] = process.argv.slice(2);
  const [, folder] = /^--out=(.+)$/.exec(option) ?? [];
  if (folder === undefined) {
    const isHelp = option === "--help";
    (isHelp ? console.log : console.error)(isHelp ? help : "client takes --out alone (see --help)");
    process.exit(isHelp ? 0 : 2);
  }
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(await clientPackage())) {
    await writeFile(`${folder}/${path}`, text);
  }
}
