/**
 * The icons of the navigation, drawn on a grid of 16.
 *
 * @module
 */

import type { FC } from "hono/jsx";

const paths = {
  overview: "M2.5 2.5h4.6v6H2.5zM8.9 2.5h4.6v3.4H8.9zM8.9 7.7h4.6v5.8H8.9zM2.5 10.3h4.6v3.2H2.5z",
  orders: "M3 2.5h10v11l-2-1.3-1.6 1.3L8 12.2l-1.4 1.3L5 12.2l-2 1.3zM5.5 5.5h5M5.5 8.5h5",
  refunds: "M6.5 3.5 3 7l3.5 3.5M3 7h6.5a3.3 3.3 0 0 1 0 6.6H8",
  customers:
    "M8 7.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM3 13.6c.4-2.6 2.4-4 5-4s4.600 1.400 5 4",
  products: "M8 1.900 13.500 4.900v6.200L8 14.100l-5.500-3V4.900zM2.700 5 8 8l5.300-3M8 8v6",
  kpis: "M2.500 13.500h11M4.500 11V8M8 11V3.500M11.500 11V6",
  ledger:
    "M8 2.500v11M5.500 13.500h5M2.500 4.500h11M4.300 4.500 2.500 9h3.600zM11.700 4.500 9.900 9h3.600z",
  imports: "M8 2.500v7M5 6.700l3 3 3-3M2.500 11v2.500h11V11",
  streams:
    "M2.500 4.500c2-1.800 3.600-1.800 5.500 0s3.500 1.800 5.500 0M2.500 8.300c2-1.800 3.600-1.800 5.500 0s3.500 1.800 5.500 0M2.500 12.100c2-1.800 3.600-1.800 5.500 0s3.500 1.800 5.500 0",
  notifications:
    "M8 2.200a3.800 3.800 0 0 0-3.800 3.800c0 3-1.200 4-1.700 4.700h11c-.5-.7-1.700-1.700-1.700-4.700A3.800 3.800 0 0 0 8 2.200zM6.600 13.200a1.500 1.500 0 0 0 2.800 0",
  audit: "M3.200 2.200h9.600v11.600H3.200zM5.500 5.200h5M5.500 8h5M5.500 10.800h3",
  books: "M2.500 3h4.800v10H2.500zM8.700 3h4.800v10H8.700zM4.200 5.500h1.500M10.300 5.500h1.500",
  dead: "M8 2.200 14.200 13H1.800zM8 6.500v3M8 11.200v.1",
} as const;

/** A picture of {@linkcode Icon}. */
export type IconName = keyof typeof paths;

/** A picture beside its name, so screen readers pass over it. */
export const Icon: FC<{ name: IconName }> = ({ name }) => (
  <svg
    viewBox="0 0 16 16"
    fill="none"
    stroke="currentColor"
    stroke-width="1.4"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d={paths[name]} />
  </svg>
);
