/**
 * Lists that are read page by page, all in one way.
 *
 * @module
 */

import type { Hono } from "hono";
import type { z } from "zod";
import type { Queryable } from "../../../db/connection/database.ts";
import { pageLimits } from "../../../domain/paging.ts";
import { type AppDeps, readsOf } from "../../deps.ts";
import { checked } from "../../middleware/checked.ts";
import { type Content, described, type Description } from "./described.ts";

/** What the query of every such list has besides its filters. */
type PageQuery = { limit?: number | undefined; cursor?: string | undefined };

/** Which page. */
export interface WantedPage {
  /** Rows at most. */
  limit: number;
  /** As the page before gave it out; undefined for the first. */
  cursor: string | undefined;
}

/** A page as it is answered. */
export interface AnsweredPage {
  data: readonly object[];
  /** Null after the last. */
  nextCursor: string | null;
}

/**
 * Adds `GET path`, which lists what `read` finds, from a replica for reading where there is one.
 *
 * @param list.page schema and example of an answer
 * @param list.query limit, cursor and the filters
 */
export function addPagedList<Query extends z.ZodType<PageQuery>>(
  app: Hono,
  deps: AppDeps,
  path: string,
  { page, query, read, ...says }: Pick<Description, "summary" | "description" | "tag"> & {
    page: Content;
    query: Query;
    read: (
      db: Queryable,
      filters: Omit<z.output<Query>, keyof PageQuery>,
      wanted: WantedPage,
    ) => Promise<AnsweredPage>;
  },
): void {
  app.get(
    path,
    described({ ...says, scopes: ["read"], answers: { 200: { says: "A page", ...page } } }),
    checked("query", query),
    async (c) => {
      const { limit = pageLimits.fallback, cursor, ...filters } = c.req.valid("query");
      const { data, nextCursor } = await readsOf(deps)((db) =>
        read(db, filters, { limit, cursor })
      );
      return c.json({ data, next_cursor: nextCursor });
    },
  );
}
