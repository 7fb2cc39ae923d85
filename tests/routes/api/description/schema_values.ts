/**
 * The OpenAPI document as far as tests read it, and values that its schemas allow.
 *
 * @module
 */

import fc from "fast-check";

type Json = Record<string, unknown>;

/** As much of JSON Schema as the document uses. */
export interface Schema extends Json {
  type?: string;
  enum?: unknown[];
  pattern?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

/** A body. */
export interface Content {
  schema: Schema;
  example?: unknown;
  /** Of problems. */
  examples?: Record<string, { value: { type: string } }>;
}

/** One method of one path. */
export interface Operation {
  operationId: string;
  summary: string;
  parameters?: {
    in: string;
    name: string;
    description?: string;
    required?: boolean;
    schema: Schema;
  }[];
  requestBody?: { required?: boolean; content: Record<string, Content> };
  responses: Record<string, { content?: Record<string, Content>; headers?: Json }>;
  security: Record<string, string[]>[];
}

/** As much of OpenAPI as the tests read. */
export interface Document extends Json {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** An operation with the request line that it answers. */
export interface DescribedOperation {
  /** In capitals. */
  method: string;
  /** As in the document, `/orders/{id}`. */
  path: string;
  operation: Operation;
}

/** Every operation of the document. */
export function operationsOf({ paths }: Document): DescribedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    }))
  );
}

/** Values that a schema allows. */
export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "integer":
      return integers(
        Math.max(schema.minimum ?? 0, 0),
        Math.min(schema.maximum ?? 1_000_000, 2_147_483_647),
      );
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(arbitraryOf(schema.items!), { minLength: 1, maxLength: 3 });
    case "object":
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, property]) => [
            name,
            arbitraryOf(property),
          ]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    default:
      if (schema.format === "date") {
        return fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
          .map((date) => date.toISOString().slice(0, 10));
      }
      if (Array.isArray(schema.examples)) return fc.constantFrom(...schema.examples);
      if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern));
      return fc.string({
        unit: fc.constantFrom(..."abcXYZ059 -é😀"),
        minLength: schema.minLength ?? 0,
        maxLength: Math.min(schema.maxLength ?? 20, 20),
      });
  }
}

/** Mostly small ones: large prices and quantities together are more than an order may be worth. */
function integers(min: number, max: number): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min, max: Math.min(max, min + 100) }) },
    { weight: 1, arbitrary: fc.integer({ min, max }) },
  );
}
