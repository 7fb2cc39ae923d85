/**
 * How a scenario of several hosts is set up.
 *
 * @module
 */

/** How the database runs. */
export type DatabaseKind =
  | "single"
  | "galera"
  | "group"
  | "group_multi"
  | "semi_sync"
  | "async";

/** How Redis runs. */
export type RedisKind = "single" | "sentinel" | "cluster";

/** What there is before anything breaks. */
export interface ClusterSetup {
  database: DatabaseKind;
  redis: RedisKind;
  /** True where every server and every host of the product is a host of a network, whose lines break. */
  network?: boolean;
  /** Settings of the product's processes. */
  env?: Record<string, string>;
}
