// What a request needs in terms of RBAC, read off its log entry. Recordings of these, compared with
// the granted rules, show which rights an operator uses and which it only has.

import type { RequestLogEntry } from "./request-log.ts";

/** One use of one right. */
export interface ResourceUse {
  /** Name in the manager of the cluster that was asked; empty for its own. */
  readonly cluster: string;
  /** Empty for the core group. */
  readonly apiGroup: string;
  /** With its subresource, as RBAC names it: `widgets` or `widgets/status`. */
  readonly resource: string;
  /** Lower-case RBAC verbs. Two where a server-side apply has created: `patch` and `create`. */
  readonly verbs: readonly string[];
  /** Empty for cluster-scoped objects and for all namespaces. */
  readonly namespace: string;
  /** Empty where no single object was named. */
  readonly name: string;
}

const CREATED = 201;

/**
 * The right that a request used; undefined for paths that are no resources (`/version`). Requests
 * that were refused are told as well: look at `entry.status`.
 */
export function useOf(entry: RequestLogEntry): ResourceUse | undefined {
  const parts = entry.path.split("/").slice(1).map(decodeURIComponent);
  const isCore = parts[0] === "api";
  if (!isCore && parts[0] !== "apis") return undefined;
  const rest = parts.slice(isCore ? 2 : 3);
  // `/namespaces/NS/PLURAL` is a scope; `/namespaces/NAME` is the Namespace itself.
  const scoped = rest[0] === "namespaces" && rest.length > 2 && !NAMESPACE_PARTS.has(rest[2] ?? "");
  const [plural = "", name = "", subresource = ""] = scoped ? rest.slice(2) : rest;
  if (plural === "") return undefined;
  return {
    cluster: entry.cluster,
    apiGroup: isCore ? "" : (parts[1] ?? ""),
    resource: subresource === "" ? plural : `${plural}/${subresource}`,
    verbs: verbsOf(entry, name !== ""),
    namespace: scoped ? (rest[1] ?? "") : "",
    name: name === "" ? nameSelected(entry) : name,
  };
}

/** Subresources of a Namespace, which stand where a plural would. */
const NAMESPACE_PARTS: ReadonlySet<string> = new Set(["status", "finalize"]);

function verbsOf(entry: RequestLogEntry, named: boolean): readonly string[] {
  switch (entry.method) {
    case "GET":
      return [entry.watch ? "watch" : named ? "get" : "list"];
    case "POST":
      return ["create"];
    case "PUT":
      return ["update"];
    case "PATCH":
      // The server asks for `create` as well when an apply finds no object.
      return entry.status === CREATED ? ["patch", "create"] : ["patch"];
    case "DELETE":
      return [named ? "delete" : "deletecollection"];
    default:
      return [entry.method.toLowerCase()];
  }
}

/** RBAC judges list and watch by name where the field selector asks for exactly one. */
function nameSelected(entry: RequestLogEntry): string {
  return /^metadata\.name=([^,]+)$/.exec(entry.query["fieldSelector"] ?? "")?.[1] ?? "";
}
