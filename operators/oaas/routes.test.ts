import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { CollectionSpecSchema } from "#api/gen/oaas-admin_pb.ts";
import type { ClsRoutingTable } from "#api/gen/oprc-route_pb.ts";
import { AccessModifier, Partitioning } from "#api/gen/oprc-route_pb.ts";
import type { ClassRuntime, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { initialSlots } from "#controllers/odgm-collection/plan/slots.ts";

import { routingChanges } from "./grpc/routing-server.ts";
import { routedClasses } from "./routed.ts";
import { parseRoutesJson, routesJson, RouteTable, routingTable } from "./routes.ts";

const UID = "cluster";

function collection(
  name: string,
  spec: Partial<OdgmCollection["spec"]> = {},
  age = "2030",
): OdgmCollection {
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "OdgmCollection",
    metadata: { namespace: "shop", name, creationTimestamp: `${age}-01-01T00:00:00Z` },
    spec: { collection: `shop.${name}`, partitions: 2, nodes: 1, ...spec },
  };
}

function runtime(
  className: string,
  spec: Partial<ClassRuntime["spec"]> = {},
  status?: ClassRuntime["status"],
): ClassRuntime {
  return {
    apiVersion: "oaas.io/v1alpha1",
    kind: "ClassRuntime",
    metadata: {
      namespace: "shop",
      name: "r",
      generation: 3,
      creationTimestamp: "2029-01-01T00:00:00Z",
    },
    spec: { class: className, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

const committed = (generation = 1n): CollectionSpec =>
  create(CollectionSpecSchema, {
    generation,
    package: "shop",
    partitioning: "Hashed",
    members: [
      { id: 1n, ordinal: 0, linkAddress: "m0:8081", dataUrl: "http://m0:8080" },
      { id: 2n, ordinal: 1, linkAddress: "m1:8081", dataUrl: "http://m1:8080" },
    ],
    partitions: [
      { partition: 0, members: [1n] },
      { partition: 1, members: [2n] },
    ],
    slots: initialSlots(2).map((slot) => ({ ...slot })),
  });

interface World {
  readonly runtimes?: readonly ClassRuntime[];
  readonly collections?: readonly OdgmCollection[];
  readonly generations?: Readonly<Record<string, bigint>>;
}

function table(world: World, before?: ClsRoutingTable): ClsRoutingTable {
  const classes = routedClasses(world.runtimes ?? [], world.collections ?? [], ({ metadata }) => {
    const generation = world.generations?.[metadata.name ?? ""];
    return generation === undefined ? undefined : committed(generation);
  });
  return routingTable(classes, UID, before);
}

const routeOf = (found: ClsRoutingTable, name: string) =>
  found.clss.find((route) => route.name === name);

describe("a class with data", () => {
  const spec: Partial<OdgmCollection["spec"]> = {
    routes: [
      { name: "add", url: "http://add:80", timeoutMs: 5000 },
      { name: "off", disabled: true },
    ],
    resolvedClass: { functions: [{ name: "add", access: "Internal" }] },
  };

  it("is routed by its committed generation, with its functions and who its members are", () => {
    const found = table({ collections: [collection("Cart", spec)], generations: { Cart: 7n } });
    expect(routeOf(found, "shop.Cart")).toMatchObject({
      partitions: 2,
      generation: 7n,
      partitioning: Partitioning.HASHED,
      linkIdentity: "spiffe://cluster/ns/shop/odgm/Cart",
      disabled: false,
      package: "shop",
      routing: [{ data: { linkAddress: "m0:8081" } }, { data: { linkAddress: "m1:8081" } }],
      functions: [
        { name: "add", url: "http://add:80", timeoutMs: 5000, access: AccessModifier.INTERNAL },
        { name: "off", disabled: true, access: AccessModifier.PUBLIC },
      ],
    });
  });

  it("is not routed before its generation is known, and keeps its entry afterwards", () => {
    const collections = [collection("Cart", spec)];
    expect(table({ collections }).clss).toEqual([]);
    const known = table({ collections, generations: { Cart: 7n } });
    expect(table({ collections }, known)).toBe(known);
    expect(table({ collections: [] }, known).clss).toEqual([]);
  });

  it.each([
    ["its runtime is Disabled", {}, [runtime("shop.Cart", { state: "Disabled" })]],
    ["it rests", { nodes: 0 }, []],
  ])("is off when %s, with and without its voter", (_name, change, runtimes) => {
    const awake = { collections: [collection("Cart", spec)], generations: { Cart: 7n } };
    const known = table(awake);
    const collections = [collection("Cart", { ...spec, ...change })];
    for (const generations of [{ Cart: 7n }, {}]) {
      const off = routeOf(table({ runtimes, collections, generations }, known), "shop.Cart");
      expect(off).toMatchObject({ disabled: true, generation: 7n, partitions: 2 });
    }
    expect(routeOf(table({ runtimes, collections }), "shop.Cart")).toMatchObject({
      disabled: true,
      partitions: 1,
    });
    expect(
      routeOf(table(awake, table({ runtimes, collections }, known)), "shop.Cart"),
    ).toMatchObject({ disabled: false });
  });

  it("is served for the older of two claimants", () => {
    const [young, old] = [
      collection("b", { collection: "x.X" }, "2031"),
      collection("a", { collection: "x.X" }),
    ];
    const found = table({ collections: [young, old], generations: { a: 1n, b: 9n } });
    expect(found.clss).toHaveLength(1);
    expect(found.clss[0]).toMatchObject({ generation: 1n });
  });
});

describe("a class without data", () => {
  const spec: Partial<ClassRuntime["spec"]> = {
    addons: [],
    functions: [
      { name: "resize", provision: { deployment: { image: "r:1" } }, timeoutMs: 9000 },
      { name: "gone", provision: { deployment: { image: "g:1" } } },
    ],
    resolvedClass: {
      functions: [{ name: "thumbnail", function: "resize", access: "Internal" }, { name: "gone" }],
    },
    constraints: { hardLatencyMs: 800 },
  };
  const status: ClassRuntime["status"] = {
    functions: [{ name: "resize", url: "http://resize.shop.svc:80" }, { name: "gone" }],
  };

  it("has its functions at their own addresses, whole for a gateway, and no member", () => {
    const found = table({ runtimes: [runtime("shop.Img", spec, status)] });
    expect(routeOf(found, "shop.Img")).toMatchObject({
      partitions: 1,
      generation: 3n,
      partitioning: Partitioning.HASHED,
      slots: [{ first: 0, last: 4095, partition: 0 }],
      routing: [],
      linkAddress: "",
      package: "shop",
      disabled: false,
      functions: [
        {
          name: "thumbnail",
          url: "http://resize.shop.svc:80",
          stateless: true,
          access: AccessModifier.INTERNAL,
          timeoutMs: 800,
          disabled: false,
        },
        { name: "gone", url: "", disabled: true },
      ],
    });
  });

  it("binds every function under its own name if it was made by hand", () => {
    const { resolvedClass: _none, ...byHand } = spec;
    const found = routeOf(table({ runtimes: [runtime("Img", byHand, status)] }), "Img");
    expect(found?.functions.map((fn) => fn.name)).toEqual(["resize", "gone"]);
    expect(found?.package).toBe("");
  });

  it("keeps its entry until its status names every function, and is off when Disabled", () => {
    const known = table({ runtimes: [runtime("shop.Img", spec, status)] });
    const unseen = { runtimes: [runtime("shop.Img", spec)] };
    expect(table(unseen).clss).toEqual([]);
    expect(table(unseen, known)).toBe(known);
    const off = { runtimes: [runtime("shop.Img", { ...spec, state: "Disabled" }, status)] };
    expect(routeOf(table(off, known), "shop.Img")).toMatchObject({ disabled: true });
  });

  it("and one with data are told apart: the default addon makes no second entry", () => {
    const { addons: _none, ...withData } = spec;
    expect(table({ runtimes: [runtime("shop.Img", withData, status)] }).clss).toEqual([]);
  });
});

describe("what watchers hear", () => {
  const byName = (found: ClsRoutingTable) =>
    new Map(found.clss.map((route) => [route.name, route]));
  const two = [collection("A"), collection("B")];

  it("is what changed and what went away, once", () => {
    const before = table({ collections: two, generations: { A: 1n, B: 1n } });
    const same = table({ collections: [...two].reverse(), generations: { A: 1n, B: 1n } }, before);
    expect(same).toBe(before);
    const after = table(
      { collections: [collection("A"), collection("C")], generations: { A: 2n, C: 1n } },
      before,
    );
    const changes = routingChanges(byName(before), byName(after));
    expect(changes.map(({ name, removed }) => ({ name, removed }))).toEqual([
      { name: "shop.A", removed: false },
      { name: "shop.C", removed: false },
      { name: "shop.B", removed: true },
    ]);
  });

  it("comes once per change", () => {
    const held = new RouteTable();
    let heard = 0;
    const stop = held.subscribe(() => (heard += 1));
    const update = (generation: bigint) =>
      held.update(
        routedClasses([], two, () => committed(generation)),
        UID,
      );
    expect(held.current()).toBeUndefined();
    update(1n);
    update(1n);
    expect(heard).toBe(1);
    update(2n);
    expect(heard).toBe(2);
    stop();
    update(3n);
    expect(heard).toBe(2);
  });

  it("starts from the table that was written before, for classes that are unknown yet", () => {
    const written = table({ collections: two, generations: { A: 4n, B: 4n } });
    const held = new RouteTable();
    held.seed(written);
    expect(held.current()).toBeUndefined();
    held.update(
      routedClasses([], two, ({ metadata }) => (metadata.name === "A" ? committed(5n) : undefined)),
      UID,
    );
    expect(held.current()?.clss.map(({ generation }) => generation)).toEqual([5n, 4n]);
  });
});

describe("routes.json", () => {
  it("reads back as the same table, one class per line", () => {
    const found = table({
      collections: [collection("A"), collection("B", { routes: [{ name: "f", url: "http://f" }] })],
      generations: { A: 12n, B: 2n ** 60n },
    });
    const text = routesJson(found);
    expect(text.split("\n").filter((line) => line.includes('"name":"shop.'))).toHaveLength(2);
    expect(parseRoutesJson(text)).toEqual(found);
    expect(routesJson(table({}))).toContain('"clss":[');
    expect(parseRoutesJson(routesJson(table({})))?.clss).toEqual([]);
  });

  it.each(["", "[]", "{", '{"clss":3}'])("takes %j for none", (text) => {
    expect(parseRoutesJson(text)).toBeUndefined();
  });
});
