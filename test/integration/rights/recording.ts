// What the operators asked of the API server, by its own audit log: which right each request used,
// where, and by which role it was allowed. The log is the server's, so nothing that an operator does
// can be missing from it.
import { readFile } from "node:fs/promises";

/** One request of an operator. */
export interface AuditedRequest {
  /** `oaas-operator`, of `system:serviceaccount:oaas-system:oaas-operator`. */
  readonly operator: string;
  readonly apiGroup: string;
  /** With its subresource. */
  readonly resource: string;
  /** Two where an apply has created: the API server asks for both rights. */
  readonly verbs: readonly string[];
  /** Empty for cluster-scoped objects and all namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  /** `Role/oaas-operator` that allowed it; empty where it was refused. */
  readonly role: string;
  readonly uri: string;
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

const OPERATOR = /^system:serviceaccount:(?:oaas|rawstor)-system:((?:oaas|rawstor)-operator)$/;

/** Requests for resources in the log from byte `from` on, and where it ends now. */
export async function readRecording(
  path: string,
  from: number,
): Promise<{ readonly requests: readonly AuditedRequest[]; readonly end: number }> {
  const bytes = (await readFile(path)).subarray(from);
  // The last line may still be under way.
  const complete = bytes.subarray(0, bytes.lastIndexOf(10) + 1);
  const requests = complete
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => requestOf(JSON.parse(line) as AuditEvent));
  return { requests, end: from + complete.length };
}

/** Every request once: a watch when it begins, anything else when it ends. */
function requestOf(event: AuditEvent): readonly AuditedRequest[] {
  const operator = OPERATOR.exec(event.user.username)?.[1];
  const { objectRef: ref, verb } = event;
  if (operator === undefined || ref?.resource === undefined) return [];
  const code = event.responseStatus?.code ?? 0;
  const begins = event.stage === "ResponseStarted" && verb === "watch";
  const ends = event.stage === "ResponseComplete" && (verb !== "watch" || code >= 400);
  if (!begins && !ends) return [];
  const { apiGroup = "", resource, subresource = "", namespace = "", name = "" } = ref;
  return [
    {
      operator,
      apiGroup,
      resource: subresource === "" ? resource : `${resource}/${subresource}`,
      verbs: verb === "patch" && code === 201 ? ["patch", "create"] : [verb],
      // A Namespace is no object in itself.
      namespace: resource === "namespaces" ? "" : namespace,
      name,
      code,
      role: roleOf(event.annotations?.["authorization.k8s.io/reason"] ?? ""),
      uri: event.requestURI,
    },
  ];
}

/** `RBAC: allowed by RoleBinding "a/ns" of Role "a" to ...` -> `Role/a`. */
function roleOf(reason: string): string {
  const found = / of (Role|ClusterRole) "([^"]+)" to /.exec(reason);
  return found === null ? "" : `${found[1]}/${found[2]}`;
}
