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
      `import type { ${names.map(title).join(", ")} } from "./types.ts";\n` +
        'export type { NotificationData, NotificationWebhook } from "./webhooks.ts";\n\n' +
        "/** What is sent and what comes of one kind. */\ntype Shape = { input: unknown; output: unknown };\n",
    )
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
  const webhooks = await read("domain/notification/webhook_body.ts");
  return {
    "package.json": `${JSON.stringify(npm, null, 2)}\n`,
    "deno.json": `${JSON.stringify(jsr, null, 2)}\n`,
    "client.ts": client,
    "types.ts": types,
    "webhooks.ts": webhooks,
    "client.js": stripTypeScriptTypes(client).replace(/^\s*\n/gm, "").replace(/ +$/gm, ""),
    "client.d.ts": declarationsOf(client),
    "types.d.ts": types,
    "webhooks.d.ts": webhooks,
    "README.md": readme,
    "LICENSE": await read("LICENSE"),
  };
}

/** Everything but the body of the one function. */
function declarationsOf(client: string): string {
  return client.replace(
    /export (function ordersClient\([^]*?\): [^]*?) \{\n[^]*?\n\}\n/,
    "export declare $1;\n",
  ).replace(
    "options: { fetch?: typeof fetch } = {}",
    "options?: { fetch?: typeof fetch }",
  ).replaceAll(/"\.\/(types|webhooks)\.ts"/g, '"./$1.js"');
}

const readme = `# Client of the orders workflow

\`\`\`ts
import { type NotificationWebhook, ordersClient } from "@orders/client";

const { orders } = ordersClient("https://orders.example", token);
const shown = await orders[":id"].$get({ param: { id: "42" } });
if (shown.ok) console.log((await shown.json()).status);
\`\`\`

Every route with what it takes and gives; \`NotificationWebhook\` is the body of a webhook.
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
