/**
 * Every figure of a day, as a list: what is counted in Redis, summed from the database, verified, answered and shown
 * comes from here. A new figure is a row of {@linkcode kpiFigures}, and where it counts something that nothing
 * counted before, a row of {@linkcode kpiKinds}.
 *
 * @module
 */

/** What an order, a refund or the money of a chargeback must have come to for it to count. */
export interface KpiKindRow {
  /** What is counted; of a chargeback each movement of its money. */
  of: "order" | "refund" | "chargeback";
  /**
   * The status in which it ended, or the kind of the movement; an order's amount is its total, a refund's what it gave
   * back, a movement's what moved, below zero where it came back.
   */
  status: string;
  /** How its amount moves its customer on the leaderboard. */
  leaderboard: 1 | 0 | -1;
}

/**
 * Everything that counts. An order, and likewise a refund, counts once, as the one kind of the status that it ended
 * in: a kind may only be of a status that is never left, but by an order that is taken up again, whose failure is
 * taken out of the figures then (`retryKpiEvents`), and by a refund that its provider takes back (`returnKpiEvents`).
 */
export const kpiKinds = {
  paid: { of: "order", status: "PAID", leaderboard: 1 },
  failed: { of: "order", status: "FAILED", leaderboard: 0 },
  refunded: { of: "refund", status: "PROCESSED", leaderboard: -1 },
  charged_back: { of: "chargeback", status: "opened", leaderboard: 0 },
  chargeback_changed: { of: "chargeback", status: "changed", leaderboard: 0 },
  chargeback_held: { of: "chargeback", status: "held", leaderboard: -1 },
  chargeback_lost: { of: "chargeback", status: "lost", leaderboard: -1 },
} as const satisfies Record<string, KpiKindRow>;

/** Names of what counts. */
export type KpiKind = keyof typeof kpiKinds;

/** What each event of a kind adds to a figure: 1, its amount, or its amount taken away. */
export type KpiAmount = "count" | "cents" | "-cents";

/** How a figure comes about and how it is shown. */
export interface KpiFigureRow {
  /** Money in minor units of its currency, or a number of things. */
  unit: "money" | "count";
  /** What is added up, by kind; nothing of a figure that is an average. */
  sums?: Partial<Record<KpiKind, KpiAmount>>;
  /** One figure by another, rounded down; 0 where the other is 0. */
  average?: readonly [of: string, by: string];
  /** Most have none of it, ever. */
  isRare?: true;
  /** Heading of its column where the command `kpis` prints it. */
  heading: string;
  /** Heading of its column on the dashboard. */
  column: string;
  /** Its name where the dashboard shows it large; nothing of one that stands beside another there. */
  card?: string;
  /** In the examples of the documentation. */
  example: number;
}

/** The figures as they are written down; to be read as {@linkcode kpiFigures}. */
export const kpiTable = {
  revenue_cents: {
    unit: "money",
    sums: {
      paid: "cents",
      refunded: "-cents",
      chargeback_held: "-cents",
      chargeback_lost: "-cents",
    },
    heading: "revenue",
    column: "Revenue",
    card: "Revenue",
    example: 1_204_350,
  },
  order_count: {
    unit: "count",
    sums: { paid: "count" },
    heading: "orders",
    column: "Paid",
    card: "Orders paid",
    example: 482,
  },
  avg_order_value_cents: {
    unit: "money",
    average: ["revenue_cents", "order_count"],
    heading: "average",
    column: "Average",
    card: "Average value",
    example: 2_498,
  },
  failed_order_count: {
    unit: "count",
    sums: { failed: "count" },
    heading: "failed",
    column: "Failed",
    card: "Failed",
    example: 25,
  },
  refund_count: {
    unit: "count",
    sums: { refunded: "count" },
    heading: "refunds",
    column: "Refunds",
    example: 3,
  },
  refund_amount_cents: {
    unit: "money",
    sums: { refunded: "cents" },
    heading: "refunded",
    column: "Refunded",
    card: "Refunds",
    example: 4_990,
  },
  chargeback_count: {
    unit: "count",
    sums: { charged_back: "count" },
    isRare: true,
    heading: "chargebacks",
    column: "Chargebacks",
    example: 1,
  },
  chargeback_amount_cents: {
    unit: "money",
    sums: { charged_back: "cents", chargeback_changed: "cents" },
    isRare: true,
    heading: "charged back",
    column: "Charged back",
    card: "Chargebacks",
    example: 2_490,
  },
} as const satisfies Record<string, KpiFigureRow>;

/** Names of the figures: fields of the API, and the last part of a KPI key. */
export type KpiFigure = keyof typeof kpiTable;

/** Every figure, in the order of the API's fields. */
export const kpiFigures: Readonly<Record<KpiFigure, KpiFigureRow>> = kpiTable;

/** Their names, in the same order. */
export const kpiFigureNames = Object.keys(kpiTable) as readonly KpiFigure[];

/** A figure that is an average: its name, what is divided, and by what. */
export const kpiAverages: readonly (readonly [figure: KpiFigure, of: KpiFigure, by: KpiFigure])[] =
  kpiFigureNames.flatMap((figure) => {
    const { average } = kpiFigures[figure];
    return average === undefined ? [] : [[figure, ...average] as [KpiFigure, KpiFigure, KpiFigure]];
  });

/** Makes the figures, each by its name. */
export function eachKpiFigure<T>(make: (figure: KpiFigure) => T): Record<KpiFigure, T> {
  return Object.fromEntries(kpiFigureNames.map((figure) => [figure, make(figure)])) as Record<
    KpiFigure,
    T
  >;
}

/** The statuses in which orders or refunds count, or the kinds of movements. */
export function countedStatuses(of: KpiKindRow["of"]): string[] {
  return Object.values(kpiKinds).filter((kind) => kind.of === of).map(({ status }) => status);
}

const kindNames = new Map(
  Object.entries(kpiKinds).map(([kind, { of, status }]) => [`${of} ${status}`, kind as KpiKind]),
);

/** As what an order, a refund or a movement of a status counts; undefined where it counts nowhere. */
export function kpiKindOf(of: KpiKindRow["of"], status: string): KpiKind | undefined {
  return kindNames.get(`${of} ${status}`);
}

/** False for a figure that amounts are taken from, and for an average of one. */
export function isNeverNegative(figure: KpiFigure): boolean {
  const { sums = {}, average } = kpiFigures[figure];
  return average === undefined
    ? !Object.values(sums).includes("-cents")
    : isNeverNegative(average[0] as KpiFigure);
}
