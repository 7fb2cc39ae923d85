/**
 * Requests as nobody should send them: what the OpenAPI document and the forms of the pages ask for, with
 * something broken in it.
 *
 * @module
 */

import fc from "fast-check";
import { csvOf } from "../../csv_orders.ts";
import { brokenJson, hostileText, wholeBodies } from "./hostile_values.ts";
import { arbitraryOf, type DescribedOperation } from "../api/description/schema_values.ts";

/** A request to be sent. */
export interface Attack {
  method: string;
  /** Path and query as they stand in the request line. */
  target: string;
  headers: [string, string][];
  body?: Uint8Array<ArrayBuffer>;
}

/** Fields of the forms and filters on the pages, by name, with values that were seen in them. */
export type Vocabulary = ReadonlyMap<string, readonly string[]>;

const encoder = new TextEncoder();

const types = fc.constantFrom(
  ...["application/json", "application/json; charset=utf-16", "application/x+json", "text/json"],
  ...["text/plain", "text/csv", "application/gzip", "application/x-www-form-urlencoded", "", "*/*"],
  ...["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b"],
  ...[
    `multipart/form-data; boundary="${"b".repeat(200)}"`,
    "a/b; c=d; c=d",
    "application/json,x/y",
  ],
);

const csvBodies = fc.tuple(hostileText, fc.nat(9), fc.nat(4)).map(([text, column, how]) => {
  const columns = ["external_order_id", "order_placed_at", "currency", "customer_id"] as const;
  const more = ["customer_email", "customer_name", "product_sku", "product_name", "qty"] as const;
  const name = [...columns, ...more][column % 9]!;
  const file = csvOf([
    { external_order_id: `fuzz-${crypto.randomUUID()}` },
    { external_order_id: `fuzz-${crypto.randomUUID()}`, [name]: text },
  ]);
  const part = (content: string, end: string) =>
    `--b\r\ncontent-disposition: form-data; name="file"; filename="${text}"\r\n\r\n${content}${end}`;
  switch (how) {
    case 0:
      return { type: "text/csv", body: file };
    case 1:
      return { type: "text/csv", body: `${file.slice(0, -7)}"${text}` };
    case 2:
      return { type: "multipart/form-data; boundary=b", body: part(file, "\r\n--b--\r\n") };
    case 3:
      return { type: "multipart/form-data; boundary=b", body: part(file, "") };
    default:
      return { type: "application/gzip", body: `\x1f\x8b${text}` };
  }
});

const brokenHeaders: fc.Arbitrary<[string, string][]> = fc.array(
  fc.oneof(
    fc.tuple(
      fc.constantFrom(
        ...["idempotency-key", "origin", "cookie", "x-forwarded-for", "x-forwarded-host", "accept"],
        ...[
          "content-encoding",
          "x-request-id",
          "if-none-match",
          "range",
          "x-csrf-token",
          "referer",
        ],
        ...["traceparent", "webhook-id", "webhook-timestamp", "webhook-signature", "x-http-method"],
      ),
      hostileText,
    ),
    fc.constantFrom<[string, string]>(
      ["origin", "null"],
      ["origin", "http://evil.example"],
      ["content-encoding", "gzip"],
      ["content-length", "99999999999999"],
      ["transfer-encoding", "chunked"],
      ["accept", "text/html"],
      ["cookie", "orders_session=a.b; __Host-orders_session=%; =; ;;"],
      ["cookie", `orders_session=${"A".repeat(5_000)}`],
      ["x-http-method-override", "DELETE"],
      ["expect", "100-continue"],
      ["range", "bytes=0-,0-,0-"],
    ),
  ),
  { maxLength: 3 },
);

const asBytes = (body: string | Uint8Array<ArrayBuffer>) =>
  typeof body === "string" ? encoder.encode(body) : body;

const queryOf = (pairs: readonly (readonly [string, string])[]) =>
  new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();

/** How a value gets into a path: encoded, twice encoded, or as it is. */
const inPath = (value: string, how: number) => {
  const once = encodeURIComponent(value.toWellFormed());
  return how === 0 ? encodeURIComponent(once) : how === 1 ? value.replace(/[\s#]/g, "") : once;
};

const strangeQuery = fc.oneof(
  fc.array(fc.tuple(hostileText, hostileText), { maxLength: 3 }).map(queryOf),
  fc.constantFrom(
    "?&&==&a&=b",
    "__proto__=1&__proto__[x]=1&constructor=2&limit=1&limit=2",
    "limit=%zz&cursor=%ff%fe",
    Array.from({ length: 2_000 }, (_, n) => `p${n}=${n}`).join("&"),
    Array.from({ length: 2_000 }, () => "limit=1").join("&"),
  ),
);

/** Broken requests for one operation of the document. */
export function attacksOn(
  { method, path, operation }: DescribedOperation,
  ids: fc.Arbitrary<string>,
): fc.Arbitrary<Attack> {
  const parameters = (operation.parameters ?? []).filter((one) => one.in === "query");
  const query = fc.oneof(
    { weight: 1, arbitrary: strangeQuery },
    {
      weight: 3,
      arbitrary: fc.tuple(...parameters.map(({ name, schema }) =>
        fc.option(
          fc.oneof(arbitraryOf(schema).map(String), hostileText).map((text) =>
            [name, text] as const
          ),
          // Most are left out: any that is hostile spoils the request.
          { nil: undefined, freq: 1 },
        )
      )).map((pairs) => queryOf(pairs.filter((pair) => pair !== undefined))),
    },
  );
  const contents = Object.entries(operation.requestBody?.content ?? {});
  const json = contents.find(([type]) => type === "application/json")?.[1] ?? { schema: {} };
  const bodies = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(fc.constant("application/json"), brokenJson(json)) },
    { weight: 1, arbitrary: fc.tuple(types, brokenJson(json)) },
    {
      weight: contents.some(([type]) => type === "text/csv") ? 8 : 1,
      arbitrary: csvBodies.map(({ type, body }) => [type, body] as [string, string]),
    },
  );
  const body = method === "POST"
    ? fc.option(bodies, { nil: undefined, freq: 8 })
    : fc.constant(undefined);
  const filled = fc.tuple(fc.oneof(ids, ids, hostileText), fc.nat(8))
    .map(([id, how]) => path.replaceAll(/\{\w+\}/g, () => inPath(id, how)));
  return attacks(method, filled, query, body);
}

/** Broken requests for a page, made of what forms and filters are known to hold. */
export function attacksOnPage(
  { method, path }: { method: string; path: string },
  ids: fc.Arbitrary<string>,
  vocabulary: Vocabulary,
): fc.Arbitrary<Attack> {
  const field = fc.constantFrom(...vocabulary.entries()).chain(([name, seen]) =>
    fc.oneof(fc.constantFrom(...seen), hostileText).map((text) => [name, text] as const)
  );
  const fields = fc.array(field, { maxLength: 8 }).map(queryOf);
  const form = fc.oneof(
    {
      weight: 8,
      arbitrary: fields.map((
        text,
      ): [string, string] => ["application/x-www-form-urlencoded", text]),
    },
    { weight: 2, arbitrary: fc.tuple(types, fc.oneof(fields, wholeBodies)) },
    { weight: 2, arbitrary: csvBodies.map(({ type, body }): [string, string] => [type, body]) },
  );
  const filled = fc.tuple(fc.oneof(ids, ids, ids, hostileText), fc.nat(8)).map(([id, how]) =>
    path.replace(/:(\w+)(\{([^}]+\}?)\})?/g, (_, _name, _braces, pattern: string | undefined) => {
      const known = pattern?.split("|") ?? [];
      return known.length > 1 ? known[how % known.length]! : inPath(id, how);
    }).replace("/*", `/${inPath("anything", how)}`)
  );
  const query = fc.oneof(
    // A form's own address has none, and one that is not known is refused.
    { weight: method === "POST" ? 6 : 0, arbitrary: fc.constant("") },
    { weight: 4, arbitrary: fields },
    { weight: 1, arbitrary: strangeQuery },
  );
  return attacks(method, filled, query, method === "POST" ? form : fc.constant(undefined));
}

function attacks(
  method: string,
  path: fc.Arbitrary<string>,
  query: fc.Arbitrary<string>,
  body: fc.Arbitrary<readonly [string, string | Uint8Array<ArrayBuffer>] | undefined>,
): fc.Arbitrary<Attack> {
  return fc.tuple(path, query, body, brokenHeaders).map(([path, query, content, headers]) => ({
    method,
    target: query === "" ? path : `${path}?${query}`,
    headers: content === undefined || content[0] === ""
      ? headers
      : [["content-type", content[0]], ...headers],
    body: content === undefined ? undefined : asBytes(content[1]),
  }));
}
