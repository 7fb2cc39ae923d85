/**
 * Writes a JSON schema as a type.
 *
 * @module
 */

/** The part of a JSON schema that tells types apart. */
export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  description?: string;
}

/**
 * The type of what fits a schema, as TypeScript.
 *
 * @param root has the definitions that are referred to
 */
export function typeOf(schema: unknown, root = schema as JsonSchema): string {
  const of = schema as JsonSchema;
  const inner = (part: JsonSchema) => typeOf(part, root);
  if (of.$ref !== undefined) return inner(root.$defs![of.$ref.split("/").at(-1)!]!);
  if (of.const !== undefined) return JSON.stringify(of.const);
  if (of.enum !== undefined) return of.enum.map((value) => JSON.stringify(value)).join(" | ");
  const either = of.anyOf ?? of.oneOf;
  if (either !== undefined) return [...new Set(either.map(inner))].join(" | ");
  if (of.allOf !== undefined) return of.allOf.map((part) => `(${inner(part)})`).join(" & ");
  if (Array.isArray(of.type)) return of.type.map((type) => inner({ ...of, type })).join(" | ");
  switch (of.type) {
    case "string":
    case "boolean":
    case "null":
      return of.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return of.items === undefined ? "unknown[]" : `(${inner(of.items)})[]`;
    case "object":
      return objectOf(of, inner);
    default:
      return "unknown";
  }
}

function objectOf(of: JsonSchema, inner: (part: JsonSchema) => string): string {
  const { properties, required = [], additionalProperties } = of;
  if (properties === undefined) {
    const values = typeof additionalProperties === "object"
      ? inner(additionalProperties)
      : "unknown";
    return `{ [name: string]: ${values} }`;
  }
  const lines = Object.entries(properties).map(([name, part]) => {
    const says = part.description === undefined
      ? ""
      : `/** ${part.description.replaceAll("*/", "* /")} */ `;
    return `${says}${JSON.stringify(name)}${required.includes(name) ? "" : "?"}: ${inner(part)};`;
  });
  return `{\n${lines.join("\n")}\n}`;
}
