// "A set field is honoured or refused": the list of fields comes from the CRD, so that none can be
// forgotten.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";

import { MemberStatusSchema, StoreState } from "#api/gen/oaas-admin_pb.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { findUnsupported } from "#controllers/runtime/index.ts";

import { served } from "./fields.ts";
import type { MemberSeen, Observed } from "./plan/observed.ts";
import { plan } from "./plan/plan.ts";
import { render } from "./render.ts";

const root = join(import.meta.dirname, "..", "..");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Crd {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Paths of all fields that have no fields of their own: `a.b`, `list[].c`. */
function leaves(schema: Schema, path = ""): readonly string[] {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length > 0) {
    return fields.flatMap(([name, below]) => leaves(below, path === "" ? name : `${path}.${name}`));
  }
  if (schema.items === undefined) return [path];
  const below = leaves(schema.items, `${path}[]`);
  return below.length === 1 && below[0] === `${path}[]` ? [path] : below;
}

function specSchema(): Schema {
  const file = join(root, "crds", "odgmcollections.oaas.io.yaml");
  const crd = parse(readFileSync(file, "utf8")) as Crd;
  const spec = crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
  if (spec === undefined) throw new Error("the CRD has no schema of spec");
  return spec;
}

const all = leaves(specSchema());

function covers(entry: string, path: string): boolean {
  return path === entry || path.startsWith(`${entry}.`) || path.startsWith(`${entry}[`);
}

function isServed(path: string): boolean {
  return served.some((entry) => covers(entry, path));
}

/** A spec in which only this field is set. */
function onlyField(path: string): unknown {
  const [head = "", ...rest] = path.split(".");
  const list = head.endsWith("[]");
  const value: unknown = rest.length === 0 ? "set" : onlyField(rest.join("."));
  return { [list ? head.slice(0, -2) : head]: list ? [value] : value };
}

describe("the table of served fields", () => {
  it("is sorted and names fields that exist", () => {
    expect(served.toSorted()).toEqual(served);
    const unknown = served.filter((entry) => !all.some((leaf) => covers(entry, leaf)));
    expect(unknown).toEqual([]);
  });

  it.each(all.filter((path) => !isServed(path)))("leaves %s out: refused with its path", (path) => {
    const [told, ...others] = findUnsupported(onlyField(path), served);
    expect(others).toEqual([]);
    expect(`spec.${path.replaceAll("[]", "[0]")}`.startsWith(told ?? "nothing")).toBe(true);
  });

  it("refuses none of its own", () => {
    const refused = all
      .filter(isServed)
      .filter((path) => findUnsupported(onlyField(path), served).length > 0);
    expect(refused).toEqual([]);
  });
});

const full = parse(
  readFileSync(join(import.meta.dirname, "testdata", "full.yaml"), "utf8"),
) as OdgmCollection;

/** What comes of a spec: its children, what members are told, or the refusal. */
function effect(spec: OdgmCollection["spec"]): string {
  const now = new Date("2030-01-01T00:00:00Z");
  const wanted = spec.nodes ?? 1;
  const ordinals = Array.from({ length: wanted }, (_, ordinal) => ordinal);
  const observed: Observed = {
    collection: {
      ...full,
      metadata: { name: "orders", namespace: "shop", uid: "u" },
      spec,
    },
    pods: [],
    claims: [],
    identity: {
      identity: "u",
      collection: "shop.Order",
      members: new Map(ordinals.map((n) => [n, { kind: "formatted", incarnation: `i${n}` }])),
    },
    trust: { clusterUid: "c", bundle: "b", issuer: "i" },
    members: new Map(ordinals.map((ordinal) => [ordinal, readyMember(ordinal)])),
    targets: new Map(
      ordinals.map((n) => [n, { ordinal: n, address: `10.0.0.${n}:1`, identity: "" }]),
    ),
  };
  const decided = plan(observed, now);
  const rendered = render(observed, decided, { image: "odgm:dev", systemNamespace: "oaas-system" });
  const text = (_key: string, value: unknown): unknown =>
    typeof value === "bigint" ? value.toString() : value;
  return JSON.stringify([rendered, decided.calls], text);
}

function readyMember(ordinal: number): MemberSeen {
  return {
    kind: "known",
    status: create(MemberStatusSchema, {
      storeState: StoreState.READY,
      identity: "u",
      incarnation: `i${ordinal}`,
      ordinal,
    }),
  };
}

/** Every leaf of a document: its path as in the table, and the document without it. */
function withoutEachLeaf(
  value: unknown,
  path = "",
  rebuild: (changed: unknown) => unknown = (changed) => changed,
): readonly { readonly path: string; readonly without: unknown }[] {
  if (Array.isArray(value) && value.some((item) => typeof item === "object")) {
    const list: readonly unknown[] = value;
    return list.flatMap((item, i) =>
      withoutEachLeaf(item, `${path}[]`, (changed) => rebuild(list.with(i, changed))),
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const below = path === "" ? name : `${path}.${name}`;
    const others = Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    const deeper = withoutEachLeaf(field, below, (changed) =>
      rebuild({ ...value, [name]: changed }),
    );
    return deeper.length > 0 ? deeper : [{ path: below, without: rebuild(others) }];
  });
}

describe("every served field", () => {
  const whole = effect(full.spec);
  const changes = withoutEachLeaf(full.spec);
  /** A field that is required cannot be taken away without breaking something: that shows too. */
  const seen = (spec: OdgmCollection["spec"]): string => {
    try {
      return effect(spec);
    } catch (cause) {
      return `broken: ${String(cause)}`;
    }
  };
  /** What taking it away does not show, because it says what holds anyway. */
  const silent = new Map([
    ["routes[].disabled", "false is the default; another test has true"],
    ["storage.provider", "Volume is the default and the only one served"],
    ["suspend", "false is the default; another test has true"],
  ]);

  it("is set in the full document, which is accepted", () => {
    expect(whole).not.toMatch(/"refused"|"held"/);
    const present = changes.map((change) => change.path);
    const missing = all
      .filter(isServed)
      .filter((leaf) => !present.some((p) => p === leaf || p.startsWith(`${leaf}.`)));
    expect(missing).toEqual([]);
  });

  it.each(changes.filter(({ path }) => !silent.has(path)))(
    "$path: taking it away shows",
    ({ without }) => {
      expect(seen(without as OdgmCollection["spec"])).not.toBe(whole);
    },
  );
});
