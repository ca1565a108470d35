// The operators under exactly the rights that are generated for them: once in all namespaces, once
// with Roles in a single one. Nothing they ask for is refused, nothing that is granted goes unused
// without a reason, and where they serve one namespace the others are out of their reach.
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";

import { operatorRights } from "#hack/gen/rbac.ts";

import { dependencies, keptVolume, lostLabel, packageOf, packages, storage } from "./flows.ts";
import type { AuditedRequest } from "./recording.ts";
import type { Part } from "./unused.ts";
import { UNUSED } from "./unused.ts";
import type { Reported, Running } from "./world.ts";
import { World } from "./world.ts";

jest.setTimeout(180_000);

let world: World;
const running: Running[] = [];
const everywhere: AuditedRequest[] = [];
const within: AuditedRequest[] = [];

beforeAll(async () => {
  world = await World.open("production");
  await world.cluster.kubectl(["create", "namespace", "team"]);
  await world.cluster.kubectl(["create", "namespace", "shop"]);
});

afterAll(async () => {
  await stopAll();
  await world?.close();
});

async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((one) => one.stop()));
}

/** Requests that were refused for want of a right. */
function refused(requests: readonly AuditedRequest[]): readonly string[] {
  return requests
    .filter(({ code }) => code === 401 || code === 403)
    .map(({ operator, verbs, uri }) => `${operator} ${verbs.join()} ${uri}`);
}

describe("in all namespaces", () => {
  it("everything works", async () => {
    running.push(await world.run("oaas"), await world.run("rawstor"));
    await Promise.all([
      packages(world, "team").then(() => dependencies(world, "team")),
      keptVolume(world, "shop").then(() => lostLabel(world, "shop")),
      storage(world, "team"),
    ]);
    await stopAll();
    everywhere.push(...(await world.recorded()));
    expect(refused(everywhere)).toEqual([]);
  });
});

describe("with --watch-namespaces=shop", () => {
  it("everything works there", async () => {
    const wide = ["clusterrole,clusterrolebinding", "oaas-operator", "rawstor-operator"];
    await world.cluster.kubectl(["delete", ...wide]);
    await world.install("namespaced");
    // What the operator makes of its own is made again, by the rights it has left.
    await world.cluster.kubectl(["delete", "secret,configmap", "--all", "-n", "oaas-system"]);
    await world.apply(
      packageOf({ name: "out", functions: ["f"], template: "Dev", deployed: true }, "team"),
    );
    await world.recorded();
    const flags = ["--watch-namespaces=shop"];
    running.push(await world.run("oaas", flags), await world.run("rawstor", flags));
    await Promise.all([packages(world, "shop"), storage(world, "shop")]);
    await stopAll();
    within.push(...(await world.recorded()));
    expect(refused(within)).toEqual([]);
    expect(within.length).toBeGreaterThan(100);
  });

  it("nothing outside was looked at or touched", async () => {
    // Each operator's own namespace, the one it serves, and the Events of cluster-scoped objects.
    const allowed = ({ operator, namespace, apiGroup }: AuditedRequest): boolean =>
      namespace === "shop" ||
      namespace === operator.replace(/-operator$/, "-system") ||
      (namespace === "default" && apiGroup === "events.k8s.io");
    const clusterScoped = /^(environments|osttargets|nodes|persistentvolumes|namespaces)(\/|$)/;
    const outside = within.filter(
      (request) =>
        !allowed(request) && !(request.namespace === "" && clusterScoped.test(request.resource)),
    );
    expect(outside.map(({ operator, verbs, uri }) => `${operator} ${verbs.join()} ${uri}`)).toEqual(
      [],
    );
    const live = await world.get<Reported>("opackage", "out", "team");
    expect(live?.status).toEqual({ observedGeneration: -1 });
  });

  it.each(operatorRights().map((rights) => [rights.name, rights] as const))(
    "%s may not even read there",
    async (name, rights) => {
      const plurals = rights.served.flatMap((rule) => rule.resources.map(pluralOf));
      const resources = [...new Set(plurals)].sort();
      const user = `system:serviceaccount:${rights.namespace}:${name}`;
      const can = async (namespace: string): Promise<readonly string[]> => {
        const args = ["auth", "can-i", "--list", "--no-headers", "-n", namespace, `--as=${user}`];
        const { stdout } = await world.cluster.kubectl(args);
        const listed = stdout.split("\n").map(pluralOf);
        return [...new Set(listed)].filter((resource) => resources.includes(resource)).sort();
      };
      expect(await can("shop")).toEqual(resources);
      expect(await can("team")).toEqual([]);
      expect(await can("kube-system")).toEqual([]);
    },
  );
});

/** `pods` of `pods/status`, and of a line of `kubectl auth can-i --list`. */
function pluralOf(text: string): string {
  return text.split(/[ ./]/)[0] ?? "";
}

it("a refusal would be seen", async () => {
  const told = await world.kubectlAs("rawstor", ["get", "secrets", "-n", "rawstor-system"]);
  expect(told).toContain("Forbidden");
  const uri = "/api/v1/namespaces/rawstor-system/secrets?limit=500";
  expect(refused(await world.recorded())).toContain(`rawstor-operator list ${uri}`);
});

/** One verb on one resource in one part of an operator's rights. */
interface Right {
  readonly operator: string;
  readonly part: Part;
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly names: readonly string[];
}

describe("no right is left over", () => {
  const granted: readonly Right[] = operatorRights().flatMap((rights) =>
    (["own", "served", "cluster"] as const).flatMap((part) =>
      rights[part].flatMap(({ apiGroups, resources, verbs, resourceNames = [] }) =>
        verbs.map((verb) => ({
          operator: rights.name,
          part,
          group: apiGroups[0] ?? "",
          resource: resources[0] ?? "",
          verb,
          names: resourceNames,
        })),
      ),
    ),
  );

  it("that is neither used nor explained", () => {
    const requests = [...everywhere, ...within];
    const unused = granted.filter(
      (right) => !requests.some((request) => uses(request, right)) && !isExplained(right),
    );
    expect(unused.map(textOf)).toEqual([]);
  });

  it("and no explanation without a right", () => {
    const idle = UNUSED.filter((entry) => !granted.some((right) => explains(entry, right)));
    expect(idle).toEqual([]);
  });
});

function textOf({ operator, part, verb, group, resource }: Right): string {
  return `${operator} ${part}: ${verb} ${group}/${resource}`;
}

function uses(request: AuditedRequest, right: Right): boolean {
  return (
    request.operator === right.operator &&
    partOf(request) === right.part &&
    request.apiGroup === right.group &&
    request.resource === right.resource &&
    request.verbs.includes(right.verb) &&
    (right.names.length === 0 || right.names.includes(request.name))
  );
}

/** By which of the generated roles it was allowed. */
function partOf({ operator, role }: AuditedRequest): Part | undefined {
  switch (role) {
    case `Role/${operator}`:
      return "own";
    case `ClusterRole/${operator}-cluster`:
      return "cluster";
    case `ClusterRole/${operator}`:
    case `Role/${operator}-served`:
    case `Role/${operator}-events`:
      return "served";
    default:
      return undefined;
  }
}

function isExplained(right: Right): boolean {
  return UNUSED.some((entry) => explains(entry, right));
}

function explains(entry: (typeof UNUSED)[number], right: Right): boolean {
  return (
    entry.operator === right.operator &&
    entry.part === right.part &&
    entry.verbs.includes(right.verb) &&
    (entry.resources === undefined || entry.resources.includes(right.resource))
  );
}
