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
import type { Caller } from "../../middleware/caller.ts";
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

/** What a list says of itself, and how it is read. */
export interface PagedList<Query extends z.ZodType<PageQuery>, Path extends z.ZodType>
  extends Pick<Description, "summary" | "description" | "tag" | "problems"> {
  /** `read` where nothing is said. */
  scopes?: NonNullable<Exclude<Description["scopes"], "signed">>;
  /** Schema and example of an answer. */
  page: Content;
  /** Limit, cursor and the filters. */
  query: Query;
  /** What the path names, where it does. */
  path?: Path;
  /**
   * Whether it may lag behind, and be read from a replica where there is one. What people decide by is read where it was written.
   */
  mayLag?: boolean;
  read: (
    db: Queryable,
    filters: Omit<z.output<Query>, keyof PageQuery>,
    wanted: WantedPage,
    asked: { path: z.output<Path>; caller: Caller },
  ) => Promise<AnsweredPage>;
}

/** Adds `GET path`, which lists what `read` finds. */
export function addPagedList<
  Query extends z.ZodType<PageQuery>,
  Path extends z.ZodType = z.ZodUndefined,
>(
  app: Hono,
  deps: AppDeps,
  path: string,
  { page, query, path: named, scopes = ["read"], mayLag = false, read, ...says }: PagedList<
    Query,
    Path
  >,
): void {
  const reads = mayLag ? readsOf(deps) : readsOf({ db: deps.db });
  if (named !== undefined) app.get(path, checked("param", named));
  app.get(
    path,
    described({ ...says, scopes, answers: { 200: { says: "A page", ...page } } }),
    checked("query", query),
    async (c) => {
      const { limit = pageLimits.fallback, cursor, ...filters } = c.req.valid("query");
      const asked = {
        path: c.req.valid("param" as never) as z.output<Path>,
        caller: c.get("caller"),
      };
      const { data, nextCursor } = await reads((db) => read(db, filters, { limit, cursor }, asked));
      return c.json({ data, next_cursor: nextCursor });
    },
  );
}
