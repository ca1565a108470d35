// The REST surface as one pure function: method and path in, a typed route or a fault out.
// Upstream's paths, plus the same without a partition (Hashed classes) and the entries of an
// object.
//
//   /api/class/{cls}[/{pid}]/invokes/{fn}                      POST
//   /api/class/{cls}[/{pid}]/objects                           GET
//   /api/class/{cls}[/{pid}]/objects/{oid}                     GET PUT DELETE
//   /api/class/{cls}[/{pid}]/objects/{oid}/invokes/{fn}        POST
//   /api/class/{cls}[/{pid}]/objects/{oid}/entries             GET
//   /api/class/{cls}[/{pid}]/objects/{oid}/entries/{key}       GET PUT DELETE
//   /api/class/{cls}[/{pid}]/objects/{oid}/batch-set           POST
//   /health /healthz /readyz                                   GET
import type { RestFault } from "./fault.ts";
import { restFault } from "./fault.ts";
import { parseObjectId, parsePartition } from "./ids.ts";

/** What is done to the thing that the path names. HEAD is "get". */
export type RestVerb = "get" | "put" | "delete" | "post";

/** Class and partition as the path names them; no partition in the short paths. */
export interface RestScope {
  readonly cls: string;
  readonly partition?: number;
}

/** A matched path. `template` is the path with its variables unnamed, bounded in number. */
export type RestRoute = { readonly template: string; readonly verb: RestVerb } & (
  | { readonly kind: "health" }
  | { readonly kind: "ready" }
  | { readonly kind: "list-objects"; readonly scope: RestScope }
  | { readonly kind: "invoke-class"; readonly scope: RestScope; readonly fn: string }
  | {
      readonly kind: "invoke-object";
      readonly scope: RestScope;
      readonly object: string;
      readonly fn: string;
    }
  | { readonly kind: "object"; readonly scope: RestScope; readonly object: string }
  | { readonly kind: "entries"; readonly scope: RestScope; readonly object: string }
  | {
      readonly kind: "entry";
      readonly scope: RestScope;
      readonly object: string;
      readonly key: string;
    }
  | { readonly kind: "batch-set"; readonly scope: RestScope; readonly object: string }
);

/** Result of {@link matchRoute}. A fault of a known path has that path's template. */
export type RouteMatch =
  | { readonly kind: "route"; readonly route: RestRoute }
  | { readonly kind: "fault"; readonly fault: RestFault; readonly template: string };

/** Template of a path that is none of ours. */
export const UNKNOWN_TEMPLATE = "unknown";

const ALLOWED = {
  read: "GET, HEAD",
  write: "GET, HEAD, PUT, DELETE",
  post: "POST",
} as const;

function unknownPath(): RouteMatch {
  const fault = restFault(404, "NOT_FOUND", "no such path");
  return { kind: "fault", template: UNKNOWN_TEMPLATE, fault };
}

function invalid(template: string, code: string, message: string): RouteMatch {
  return { kind: "fault", template, fault: restFault(400, code, message) };
}

function parseVerb(method: string): RestVerb | undefined {
  switch (method) {
    case "GET":
    case "HEAD":
      return "get";
    case "PUT":
      return "put";
    case "DELETE":
      return "delete";
    case "POST":
      return "post";
    default:
      return undefined;
  }
}

/** The verb if this path has it, else the 405 that names what it has. */
function verbOf(
  method: string,
  allow: keyof typeof ALLOWED,
): { readonly verb: RestVerb } | { readonly fault: RestFault } {
  const verb = parseVerb(method);
  const allowed =
    allow === "read"
      ? verb === "get"
      : allow === "post"
        ? verb === "post"
        : verb === "get" || verb === "put" || verb === "delete";
  if (verb !== undefined && allowed) return { verb };
  const message = `${method} is not allowed here`;
  return { fault: restFault(405, "METHOD_NOT_ALLOWED", message, { allow: ALLOWED[allow] }) };
}

/** Percent-decodes each segment; undefined if one is malformed. */
function decodeSegments(path: string): string[] | undefined {
  const segments = path.split("/");
  segments.shift();
  if (!path.includes("%")) return segments;
  try {
    return segments.map((segment) => decodeURIComponent(segment));
  } catch {
    return undefined;
  }
}

function healthRoute(method: string, template: string, kind: "health" | "ready"): RouteMatch {
  const checked = verbOf(method, "read");
  if ("fault" in checked) return { kind: "fault", template, fault: checked.fault };
  return { kind: "route", route: { kind, template, verb: checked.verb } };
}

interface ClassPath {
  readonly method: string;
  readonly scope: RestScope;
  /** Template up to the class and partition. */
  readonly base: string;
  /** Segments after it. */
  readonly rest: readonly string[];
}

function matchClassPath({ method, scope, base, rest }: ClassPath): RouteMatch {
  const [head, second] = rest;
  if (head === "invokes") {
    if (rest.length !== 2 || second === undefined || second === "") return unknownPath();
    const template = `${base}/invokes/{fn}`;
    const checked = verbOf(method, "post");
    if ("fault" in checked) return { kind: "fault", template, fault: checked.fault };
    const { verb } = checked;
    return { kind: "route", route: { kind: "invoke-class", template, verb, scope, fn: second } };
  }
  if (head !== "objects") return unknownPath();
  if (rest.length === 1) {
    const template = `${base}/objects`;
    const checked = verbOf(method, "read");
    if ("fault" in checked) return { kind: "fault", template, fault: checked.fault };
    return { kind: "route", route: { kind: "list-objects", template, verb: checked.verb, scope } };
  }
  return matchObjectPath({ method, scope, base: `${base}/objects/{oid}`, rest: rest.slice(1) });
}

function matchObjectPath({ method, scope, base, rest }: ClassPath): RouteMatch {
  const [id, part, name] = rest;
  const shape = objectShape(rest);
  if (shape === undefined || id === undefined) return unknownPath();
  const template = `${base}${shape.suffix}`;
  const checked = verbOf(method, shape.allow);
  if ("fault" in checked) return { kind: "fault", template, fault: checked.fault };
  const object = parseObjectId(id);
  if (object === undefined) {
    const rule = "an object id has 1 to 160 characters of a-z 0-9 . _ : -";
    return invalid(template, "INVALID_OBJECT_ID", rule);
  }
  const { verb } = checked;
  if (part === undefined) return route({ kind: "object", template, verb, scope, object });
  if (part === "batch-set") return route({ kind: "batch-set", template, verb, scope, object });
  if (name === undefined) return route({ kind: "entries", template, verb, scope, object });
  if (part === "entries") return route({ kind: "entry", template, verb, scope, object, key: name });
  return route({ kind: "invoke-object", template, verb, scope, object, fn: name });
}

function route(matched: RestRoute): RouteMatch {
  return { kind: "route", route: matched };
}

interface ObjectShape {
  readonly suffix: string;
  readonly allow: keyof typeof ALLOWED;
}

/** What follows the object id, or undefined if that is no path of ours. */
function objectShape(rest: readonly string[]): ObjectShape | undefined {
  const [, part, name] = rest;
  if (rest.length === 1) return { suffix: "", allow: "write" };
  if (rest.length === 2) {
    if (part === "entries") return { suffix: "/entries", allow: "read" };
    if (part === "batch-set") return { suffix: "/batch-set", allow: "post" };
    return undefined;
  }
  if (rest.length !== 3 || name === "") return undefined;
  if (part === "invokes") return { suffix: "/invokes/{fn}", allow: "post" };
  if (part === "entries") return { suffix: "/entries/{key}", allow: "write" };
  return undefined;
}

/** Matches a method and a path (without its query). */
export function matchRoute(method: string, path: string): RouteMatch {
  if (path === "/health" || path === "/healthz") return healthRoute(method, path, "health");
  if (path === "/readyz") return healthRoute(method, path, "ready");
  if (!path.startsWith("/api/class/")) return unknownPath();
  const segments = decodeSegments(path);
  if (segments === undefined) {
    return invalid(UNKNOWN_TEMPLATE, "INVALID_URL", "the path is not valid percent-encoding");
  }
  const [, , cls, third] = segments;
  if (cls === undefined || cls === "" || third === undefined) return unknownPath();
  if (third === "objects" || third === "invokes") {
    const rest = segments.slice(3);
    return matchClassPath({ method, scope: { cls }, base: "/api/class/{cls}", rest });
  }
  const base = "/api/class/{cls}/{pid}";
  const rest = segments.slice(4);
  if (rest[0] !== "objects" && rest[0] !== "invokes") return unknownPath();
  const partition = parsePartition(third);
  if (partition === undefined) {
    const message = `"${third}" is not a partition id (0 to 65535)`;
    return invalid(base, "PARSE_ID_ERROR", message);
  }
  return matchClassPath({ method, scope: { cls, partition }, base, rest });
}
