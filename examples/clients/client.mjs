// Find the entities of a text with fetch, in Node.js 18 or newer or in a browser. Usage: node client.mjs [URL]
const url = process.argv[2] ?? "http://localhost:3000";
const text = "😀马云在杭州。";

const response = await fetch(`${url}/ner`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  // JavaScript counts UTF-16 code units, so ask for offsets in them.
  body: JSON.stringify({ text, offset_unit: "utf16" }),
});
const body = await response.json();
if (!body.success) {
  throw new Error(`${body.error.code}: ${body.error.message}`);
}
for (const { type, start_offset, end_offset } of body.data) {
  console.log(type, text.slice(start_offset, end_offset), start_offset, end_offset);
}
