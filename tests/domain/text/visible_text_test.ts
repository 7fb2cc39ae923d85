import assert from "node:assert/strict";
import { isolated, plainLine, visiblePage } from "../../../domain/text/visible_text.ts";

Deno.test("visiblePage() shows what turns the direction of text, and leaves marks and form fields as they are", () => {
  assert.equal(visiblePage("<td>a\u202e321\u2066b</td>"), "<td>a\\u202e321\\u2066b</td>");
  const arabic = "<b>\u0634\u0631\u0643\u0629\u200f 12</b>";
  assert.equal(visiblePage(arabic), arabic);
  const field = '<input name="q" value="a\u202eb"> \u202e';
  assert.equal(visiblePage(field), '<input name="q" value="a\u202eb"> \\u202e');
});

Deno.test("plainLine() leaves no character that breaks a line or turns its direction", () => {
  assert.equal(plainLine(" a\r\nb\u202ec\u2069 "), "a b c");
});

Deno.test("isolated() sets apart what is written from right to left, and nothing else", () => {
  assert.equal(isolated("Zoë 12"), "Zoë 12");
  for (const name of ["\u05d3\u05e0\u05d4", "\u0634\u0631\u0643\u0629", "a \u{1e900}"]) {
    assert.equal(isolated(name), `\u2068${name}\u2069`);
  }
});
