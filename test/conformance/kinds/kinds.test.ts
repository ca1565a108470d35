// The CRDs against a real kube-apiserver: what they accept, what they refuse and whether the
// message names the field, and what may not change.
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { convert } from "#api/convert/index.ts";

import { ApiServer, KINDS, repositoryRoot } from "./api-server.ts";
import type { Manifest } from "./api-server.ts";
import { opackageRefusals } from "./refusals/opackage.ts";
import {
  classRuntimeRefusals,
  environmentRefusals,
  odgmCollectionRefusals,
} from "./refusals/oaas.ts";
import { ostTargetRefusals, rawstorVolumeRefusals } from "./refusals/rawstor.ts";
import type { Refusal } from "./refusals/row.ts";
import { fieldsOf, fieldsSet, samples, specSchema } from "./samples.ts";
import { growingFields, heldFields } from "./transitions.ts";

let api: ApiServer;

beforeAll(async () => {
  api = await ApiServer.open();
}, 120_000);

afterAll(async () => {
  await api?.close();
}, 60_000);

function manifest(kind: string, spec: unknown, name = "a"): Manifest {
  const id = KINDS.find((known) => known.kind === kind);
  return { apiVersion: `${id?.group}/${id?.version}`, kind, metadata: { name }, spec };
}

const REFUSALS: Readonly<Record<string, readonly Refusal[]>> = {
  Environment: environmentRefusals,
  OPackage: opackageRefusals,
  ClassRuntime: classRuntimeRefusals,
  OdgmCollection: odgmCollectionRefusals,
  OstTarget: ostTargetRefusals,
  RawstorVolume: rawstorVolumeRefusals,
};

describe.each(KINDS.map(({ kind }) => kind))("%s refuses by name", (kind) => {
  const rows = REFUSALS[kind] ?? [];

  it("at least ten bad documents", () => {
    expect(rows.length).toBeGreaterThanOrEqual(10);
  });

  it.each(rows.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const answer = await api.create(manifest(kind, row.spec), { dryRun: true });
    expect(answer.ok ? "accepted" : answer.message).toContain(row.field);
    if (row.says !== undefined) {
      expect(answer.ok ? "accepted" : answer.message).toContain(row.says);
    }
  });
});

describe("OPackage", () => {
  it("refuses a name that fits into no wire id", async () => {
    const answer = await api.create(manifest("OPackage", {}, "a".repeat(64)), { dryRun: true });
    expect(answer.ok ? "accepted" : answer.message).toContain("metadata.name");
  });
});

describe("a new object", () => {
  it.each(["Environment", "OPackage"])("of kind %s reads as in progress", async (kind) => {
    const answer = await api.create(manifest(kind, {}), { dryRun: true });
    expect(answer).toMatchObject({ ok: true, object: { status: { observedGeneration: -1 } } });
  });
});

describe("samples", () => {
  const all = samples();

  it.each(all.map(({ file, manifest: sample }) => [file, sample.metadata.name, sample] as const))(
    "%s, %s is accepted and stored as written",
    async (_file, _name, sample) => {
      const answer = await api.create(sample, { dryRun: true });
      expect(answer).toMatchObject({ ok: true, object: { spec: sample.spec } });
    },
  );

  it("are accepted together by kubectl", async () => {
    const folder = join(repositoryRoot, "config", "samples");
    const args = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", folder];
    const result = await api.cluster.kubectl(args, { check: false });
    expect(result.stderr).toBe("");
    expect(result.stdout.trim().split("\n")).toHaveLength(all.length);
  });

  it.each(KINDS.map(({ kind }) => kind))("of %s set every field", (kind) => {
    const own = all.filter((sample) => sample.manifest.kind === kind);
    const set = new Set(own.flatMap((sample) => fieldsSet(sample.manifest.spec)).map(sharedType));
    const missing = fieldsOf(specSchema(kind)).filter(
      (field) => !set.has(sharedType(field)) && !SHOWN_ELSEWHERE[kind]?.test(field),
    );
    expect(missing).toEqual([]);
  });

  it("keep nothing", () => {
    expect(all.filter((sample) => JSON.stringify(sample.manifest).includes("Retain"))).toEqual([]);
  });
});

/** Members of one type that is embedded in several places count once. */
function sharedType(field: string): string {
  return field
    .replace(/\.provision\.(deployment|knative)\./, ".provision.*.")
    .replace(/\.(triggers|timers)\.target\./, ".*.target.")
    .replace(/\.probes\.(readiness|liveness|startup)\./, ".probes.*.");
}

/** Embedded types whose members the samples of another kind show. */
const SHOWN_ELSEWHERE: Readonly<Record<string, RegExp>> = {
  ClassRuntime:
    /^spec\.((resolvedClass|functions|requirements|constraints|enforcement|telemetry)\.|collection\.(assignments|group))/,
  OdgmCollection: /^spec\.(resolvedClass|telemetry)\./,
};

describe("converted documents of upstream", () => {
  it.each([
    "oaas-rs-package.yaml",
    "java-package.json",
    "odgm-collection.json",
    "class-runtime.yaml",
  ])("%s is accepted and stored as converted", async (file) => {
    const text = readFileSync(join(repositoryRoot, "api/convert/testdata", file), "utf8");
    const { objects } = convert(text);
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) {
      // The name alone: namespaces of the document do not exist here.
      const { name } = object.metadata;
      const sample = { ...object, metadata: { name } } as unknown as Manifest;
      const answer = await api.create(sample, { dryRun: true });
      expect(answer).toMatchObject({ ok: true, object: { spec: object.spec } });
    }
  });
});

describe("immutable fields", () => {
  it.each(heldFields.map((held) => [`${held.kind} ${held.field}`, held] as const))(
    "%s",
    async (_name, held) => {
      const name = `held-${heldFields.indexOf(held)}`;
      const make = (spec: object, suffix: string): Manifest =>
        manifest(held.kind, spec, `${name}-${suffix}`);
      const refused = expect.stringContaining(`spec.${held.field}`);

      // Set: stays as it is, takes no other value, cannot be unset.
      expect((await api.create(make(held.set, "set"), { dryRun: false })).ok).toBe(true);
      expect((await api.update(make(held.set, "set"), { dryRun: true })).ok).toBe(true);
      expect(await api.update(make(held.other, "set"), { dryRun: true })).toEqual({
        ok: false,
        code: 422,
        message: refused,
      });
      if (held.required === true) return;
      expect(await api.update(make(held.base, "set"), { dryRun: true })).toMatchObject({
        ok: false,
        message: refused,
      });

      // Unset: cannot be set, but what it means may be written out, and then still holds.
      expect((await api.create(make(held.base, "unset"), { dryRun: false })).ok).toBe(true);
      expect(await api.update(make(held.set, "unset"), { dryRun: true })).toMatchObject({
        ok: false,
        message: refused,
      });
      if (held.written === undefined) return;
      expect((await api.update(make(held.written, "unset"), { dryRun: false })).ok).toBe(true);
      expect(await api.update(make(held.set, "unset"), { dryRun: true })).toMatchObject({
        ok: false,
        message: refused,
      });
    },
  );
});

describe("fields that only grow", () => {
  it.each(growingFields.map((growing) => [`${growing.kind} ${growing.field}`, growing] as const))(
    "%s",
    async (_name, growing) => {
      const make = (spec: object): Manifest =>
        manifest(growing.kind, spec, `grow-${growingFields.indexOf(growing)}`);
      const refused = expect.stringContaining(`spec.${growing.field}`);

      expect((await api.create(make(growing.small), { dryRun: false })).ok).toBe(true);
      if (growing.unset !== undefined) {
        expect((await api.update(make(growing.unset), { dryRun: true })).ok).toBe(true);
      }
      expect((await api.update(make(growing.large), { dryRun: false })).ok).toBe(true);
      expect(await api.update(make(growing.small), { dryRun: true })).toMatchObject({
        ok: false,
        message: refused,
      });
      if (growing.unset !== undefined) {
        expect(await api.update(make(growing.unset), { dryRun: true })).toMatchObject({
          ok: false,
          message: refused,
        });
      }
    },
  );
});

describe("what a user sees", () => {
  it("kubectl explain is readable", async () => {
    const { stdout } = await api.cluster.kubectl(["explain", "opackage.spec.classes.keys"]);
    expect(stdout).toContain("Declared entries of the state");
    expect(stdout).toMatch(/type\t<string>\n {2}enum: String, Integer/);
  });

  it("one command lists every kind", async () => {
    const { stdout } = await api.cluster.kubectl(["get", "oaas,rawstor", "-A"]);
    for (const { kind } of KINDS.filter(({ kind: known }) => known !== "OPackage")) {
      expect(stdout.toLowerCase()).toContain(kind.toLowerCase());
    }
  });

  it.each(["oenv", "opkg", "crt", "odgm", "ost", "rvol"])("short name %s works", async (short) => {
    expect((await api.cluster.kubectl(["get", short], { check: false })).code).toBe(0);
  });

  it("a collection scales by its nodes", async () => {
    const sample = manifest("OdgmCollection", { collection: "shop.Scaled" }, "scaled");
    expect((await api.create(sample, { dryRun: false })).ok).toBe(true);
    await api.cluster.kubectl(["scale", "odgm/scaled", "--replicas=3"]);
    const { stdout } = await api.cluster.kubectl([
      "get",
      "odgm/scaled",
      "-o",
      "jsonpath={.spec.nodes}",
    ]);
    expect(stdout).toBe("3");
  });
});

describe("what the compiler makes of anybody's types", () => {
  const rows = join(repositoryRoot, "hack/gen/crd/testdata/rows");
  const unions = ["discriminated-union", "exclusive-union"];

  beforeAll(async () => {
    const files = unions.flatMap((name) => ["-f", join(rows, `${name}.yaml`)]);
    await api.cluster.kubectl(["apply", "--server-side", ...files]);
    const crds = unions.map((name) => `crd/${name.replace("-", "")}s.rows.example.com`);
    await api.cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", ...crds]);
  });

  it("every golden CRD is accepted", async () => {
    const goldens = readdirSync(rows).filter((file) => file.endsWith(".yaml"));
    const files = [...goldens, "../guide.yaml"];
    const { stderr, stdout } = await api.cluster.kubectl([
      ...["apply", "--server-side", "--dry-run=server", "--validate=strict"],
      ...files.flatMap((file) => ["-f", join(rows, file)]),
    ]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toHaveLength(files.length);
  });

  it.each<readonly [string, object, string]>([
    ["the members of a variant", { type: "File", path: "/a", retries: 3 }, ""],
    ["a variant without members", { type: "Nowhere" }, ""],
    [
      "a member of another variant",
      { type: "Nowhere", path: "/a" },
      "path goes only with type File",
    ],
    ["a member that is missing", { type: "Queue" }, "type Queue needs namespace"],
    ["no variant", { path: "/a" }, "spec.sink.type: Required"],
    ["a variant that is none", { type: "Printer" }, "spec.sink.type: Unsupported value"],
  ])("a union takes or refuses %s", async (_what, sink, problem) => {
    expect(await refusal(api, "DiscriminatedUnion", { sink })).toContain(problem);
  });

  it.each<readonly [string, object, string]>([
    ["one member", { mapName: "a", optional: true }, ""],
    ["none", {}, "exactly one of mapName, secretName must be set"],
    ["both", { mapName: "a", secretName: "b" }, "exactly one of mapName, secretName must be set"],
    ["a companion alone", { secretName: "b", optional: true }, "optional goes only with mapName"],
  ])("an exclusive union takes or refuses %s", async (_what, volume, problem) => {
    expect(await refusal(api, "ExclusiveUnion", { volume })).toContain(problem);
  });
});

/** What kubectl says about an object of it; empty if it is taken. */
async function refusal(server: ApiServer, kind: string, spec: object): Promise<string> {
  const manifest = { apiVersion: "rows.example.com/v1", kind, metadata: { name: "a" }, spec };
  const result = await server.cluster.kubectl(
    ["create", "--dry-run=server", "--validate=strict", "-f", "-"],
    { check: false, input: JSON.stringify(manifest) },
  );
  return result.code === 0 ? "" : result.stderr;
}
