/** Files read by a profile, for tests: what each of their orders comes to. */
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { proposeProfile } from "../../../domain/import/profile/shipped_profiles.ts";
import { namedAmount } from "../../../domain/money.ts";
import { orderTotalOf } from "../../../domain/order/incoming_order.ts";
import type { ProfiledFile } from "../../../streams/imports/profiled_file.ts";
import { openProfiledFile } from "./open_profiled_file.ts";
import { openSourceTable } from "../../../streams/imports/source_table.ts";

/** What became of a file. */
export interface ReadFile {
  file: ProfiledFile;
  /** The profile's name, and of each order what became of it: `53.50 EUR paid`. */
  orders: Record<string, string>;
  rejected: string[];
}

/** Reads a file by the profile that it looks like, with some of its settings. */
export async function readByProfile(
  bytes: Uint8Array | string,
  more: Partial<ImportProfile> = {},
  named?: ImportProfile,
): Promise<ReadFile> {
  const source = ReadableStream.from([
    typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
  ]);
  const table = await openSourceTable(source, { form: { ...more.file } });
  const profile = named ?? proposeProfile(table.header)?.profile;
  if (profile === undefined) throw new Error(`No profile fits ${table.header}`);
  const file = await openProfiledFile(table, { ...profile, ...more });
  const orders: Record<string, string> = {};
  const rejected: string[] = [];
  if (file.questions.length > 0) return { file, orders, rejected };
  for await (const group of file.groups()) {
    for (const rows of group.orders) {
      const reading = file.form.decide(rows, { keepGoodRows: false, latestPlacedAt: "9999" });
      const id = file.form.idOf(rows[0]!);
      if (reading.kind === "skipped") orders[id] = `skipped: ${reading.why}`;
      else if (reading.kind === "rejected") {
        rejected.push(...reading.rejected.map(({ line, reason }) => `${line}: ${reason}`));
      } else {
        const { order } = reading;
        const total = namedAmount(orderTotalOf(order), order.currency);
        orders[id] = `${total} ${order.payment?.status ?? "due"}`;
      }
    }
  }
  file.close();
  return { file, orders, rejected };
}

/** The settings that a file leaves open. */
export const settingsOf = ({ file }: ReadFile) => file.questions.map(({ setting }) => setting);

/** A file of the folder `files`. */
export function fileBytes(name: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(`files/${name}`, import.meta.url));
}

/** The header of a file with columns of its own. */
export const plainHeader = "Id;When;Cur;Who;Sku;Item;Price;Qty;Ship;Sum";

/** A profile for it. */
export const plainProfile = {
  version: 1 as const,
  name: "plain",
  columns: {
    external_order_id: ["Id"],
    order_placed_at: ["When"],
    currency: ["Cur"],
    customer_name: ["Who"],
    product_sku: ["Sku"],
    product_name: ["Item"],
    price: ["Price"],
    qty: ["Qty"],
    order_total: ["Sum"],
  },
  adjustments: [{ kind: "shipping" as const, columns: ["Ship"], per: "order" as const }],
  time: { zone: "UTC" },
};

/** A row of it. */
export const plainRow = (id: string, price: string, qty: number, ship: string, sum: string) =>
  `${id};2026-01-05 10:00;EUR;Ann;S;Mug;${price};${qty};${ship};${sum}`;
