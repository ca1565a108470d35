import { describe, expect, it } from "@jest/globals";

import { createJsonLogger } from "./json-logger.ts";

function lines(): { readonly out: unknown[]; readonly stream: { write(text: string): void } } {
  const out: unknown[] = [];
  return { out, stream: { write: (text) => out.push(JSON.parse(text)) } };
}

describe("createJsonLogger", () => {
  it("writes one JSON object a line, from its level on, with the fields of its parents", () => {
    const { out, stream } = lines();
    const log = createJsonLogger("op", "info", stream).child({ controller: "widget" });
    log.debug("not this");
    log.info("that", { object: "shop/w" });
    expect(out).toMatchObject([
      { level: "info", service: "op", controller: "widget", object: "shop/w", message: "that" },
    ]);
  });

  it("writes errors readably and secrets never", () => {
    const { out, stream } = lines();
    const log = createJsonLogger("op", "info", stream);
    log.warn("failed", { cause: new TypeError("no"), secret: { data: { key: "hidden" } } });
    expect(out).toMatchObject([{ cause: { type: "TypeError", message: "no" } }]);
    expect(JSON.stringify(out)).not.toContain("hidden");
  });
});
