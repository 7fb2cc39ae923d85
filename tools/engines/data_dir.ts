import { fileURLToPath } from "node:url";

/** The project's own data folder, `.data/`: kept engines and fetched programs; never committed. */
export const dataDir: string = fileURLToPath(new URL("../../.data", import.meta.url));
