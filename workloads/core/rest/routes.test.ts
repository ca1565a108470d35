import { describe, expect, it } from "@jest/globals";

import type { RestRoute } from "./routes.ts";
import { matchRoute } from "./routes.ts";

function matched(method: string, path: string): RestRoute {
  const match = matchRoute(method, path);
  if (match.kind !== "route") throw new Error(`${method} ${path}: ${match.fault.message}`);
  return match.route;
}

function fault(method: string, path: string): { status: number; code: string; allow?: string } {
  const match = matchRoute(method, path);
  if (match.kind !== "fault") throw new Error(`${method} ${path} matched`);
  const { status, code, allow } = match.fault;
  return allow === undefined ? { status, code } : { status, code, allow };
}

const scope = { cls: "shop.Cart", partition: 3 };

describe("matchRoute", () => {
  it.each([
    ["POST", "/api/class/shop.Cart/3/invokes/sum", { kind: "invoke-class", scope, fn: "sum" }],
    ["GET", "/api/class/shop.Cart/3/objects", { kind: "list-objects", scope }],
    ["GET", "/api/class/shop.Cart/3/objects/A-1", { kind: "object", verb: "get", object: "a-1" }],
    ["HEAD", "/api/class/shop.Cart/3/objects/a", { kind: "object", verb: "get" }],
    ["PUT", "/api/class/shop.Cart/3/objects/a%3Ab", { kind: "object", verb: "put", object: "a:b" }],
    ["DELETE", "/api/class/shop.Cart/3/objects/a", { kind: "object", verb: "delete" }],
    [
      "POST",
      "/api/class/shop.Cart/3/objects/a/invokes/add",
      { kind: "invoke-object", object: "a", fn: "add" },
    ],
    ["GET", "/api/class/shop.Cart/3/objects/a/entries", { kind: "entries" }],
    [
      "PUT",
      "/api/class/shop.Cart/3/objects/a/entries/Key%2F1",
      { kind: "entry", verb: "put", key: "Key/1" },
    ],
    ["POST", "/api/class/shop.Cart/3/objects/a/batch-set", { kind: "batch-set", object: "a" }],
    ["GET", "/api/class/c/objects/a", { kind: "object", scope: { cls: "c" } }],
    ["GET", "/api/class/c/objects/objects", { kind: "object", object: "objects" }],
    ["POST", "/api/class/c/objects/a/invokes/f", { kind: "invoke-object", scope: { cls: "c" } }],
    ["POST", "/api/class/c/invokes/f", { kind: "invoke-class", scope: { cls: "c" }, fn: "f" }],
    ["GET", "/healthz", { kind: "health" }],
    ["GET", "/readyz", { kind: "ready" }],
  ])("%s %s", (method, path, want) => {
    expect(matched(method, path)).toMatchObject(want);
  });

  it("keeps the template free of names, so that it can be a label", () => {
    expect(matched("GET", "/api/class/c/3/objects/a/entries/k").template).toBe(
      "/api/class/{cls}/{pid}/objects/{oid}/entries/{key}",
    );
    expect(matched("POST", "/api/class/c/invokes/f").template).toBe(
      "/api/class/{cls}/invokes/{fn}",
    );
  });

  it.each([
    ["GET", "/api/class/c/1/objects/a/invokes/f", 405, "METHOD_NOT_ALLOWED", "POST"],
    ["POST", "/api/class/c/1/objects/a", 405, "METHOD_NOT_ALLOWED", "GET, HEAD, PUT, DELETE"],
    ["PATCH", "/api/class/c/1/objects", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"],
    ["POST", "/health", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"],
  ])("%s %s is a wrong verb", (method, path, status, code, allow) => {
    expect(fault(method, path)).toEqual({ status, code, allow });
  });

  it.each([
    ["/api/class/c/1/objects/a%20b", 400, "INVALID_OBJECT_ID"],
    [`/api/class/c/1/objects/${"a".repeat(161)}`, 400, "INVALID_OBJECT_ID"],
    ["/api/class/c/1/objects/", 400, "INVALID_OBJECT_ID"],
    ["/api/class/c/65536/objects/a", 400, "PARSE_ID_ERROR"],
    ["/api/class/c/-1/objects/a", 400, "PARSE_ID_ERROR"],
    ["/api/class/c/1/objects/%zz", 400, "INVALID_URL"],
    ["/api/class/c/1", 404, "NOT_FOUND"],
    ["/api/class/c/1/other", 404, "NOT_FOUND"],
    ["/api/class/c/1/objects/a/invokes", 404, "NOT_FOUND"],
    ["/api/class/c/1/objects/a/invokes/f/g", 404, "NOT_FOUND"],
    ["/", 404, "NOT_FOUND"],
  ])("GET %s is a fault", (path, status, code) => {
    expect(fault("GET", path)).toEqual({ status, code });
  });

  it("accepts ids of exactly 160 characters", () => {
    expect(matched("GET", `/api/class/c/1/objects/${"a".repeat(160)}`).kind).toBe("object");
  });
});
