/**
 * The files of the page at `/docs`: all are part of the program, so that it loads nothing from elsewhere. They
 * are large, and loaded when somebody opens the page.
 *
 * @module
 */

import script from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "text" };
import style from "swagger-ui-dist/swagger-ui.css" with { type: "text" };
import icon from "../../dashboard/assets/icon.svg" with { type: "text" };

const start = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true });\n`;

/** By name below `/docs/`. */
export const docsFiles: Readonly<Record<string, { type: string; body: string }>> = {
  "swagger-ui.css": { type: "text/css", body: style },
  "swagger-ui.js": { type: "text/javascript", body: script },
  "icon.svg": { type: "image/svg+xml", body: icon },
  "start.js": { type: "text/javascript", body: start },
};
