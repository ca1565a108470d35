import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { convert } from "./index.ts";
import type { Conversion, Note } from "./index.ts";

function fixture(name: string): Conversion {
  return convert(readFileSync(join(import.meta.dirname, "testdata", name), "utf8"));
}

function texts(notes: readonly Note[]): readonly string[] {
  return notes.map(({ path, message }) => `${path}: ${message}`);
}

describe("documents of upstream's shapes", () => {
  it.each([
    "oaas-rs-package.yaml",
    "java-package.json",
    "odgm-collection.json",
    "class-runtime.yaml",
  ])("%s", (name) => {
    const { objects, warnings, refusals } = fixture(name);
    expect(texts(refusals)).toEqual([]);
    expect(texts(warnings)).toMatchSnapshot("warnings");
    expect(objects).toMatchSnapshot("objects");
  });
});

describe("values are taken as they are written", () => {
  const [object] = fixture("oaas-rs-package.yaml").objects;
  const spec = object?.spec as {
    readonly version: string;
    readonly functions: readonly { readonly provision: { readonly deployment: object } }[];
    readonly deployments: readonly object[];
  };

  it("version: 1.0 stays 1.0", () => {
    expect(spec.version).toBe("1.0");
  });

  it("environment values keep their digits, also where YAML would see a number or a boolean", () => {
    expect(spec.functions[0]?.provision.deployment).toMatchObject({
      port: 80,
      env: [
        { name: "HTTP_PORT", value: "80" },
        { name: "LEVEL", value: "0x10" },
        { name: "RATE", value: "1.50" },
        { name: "DEBUG", value: "yes" },
      ],
    });
  });

  it("ratios keep their digits", () => {
    expect(spec.deployments[0]).toMatchObject({
      requirements: { availability: "0.9990" },
      telemetry: { samplingRatio: "1" },
    });
  });
});

describe("what callers chose stays theirs", () => {
  it.each([
    "oaas-rs-package.yaml",
    "java-package.json",
    "odgm-collection.json",
    "class-runtime.yaml",
  ])("%s has Explicit partitioning throughout", (name) => {
    const text = JSON.stringify(fixture(name).objects);
    expect(text).toContain('"partitioning":"Explicit"');
    expect(text).not.toContain("Hashed");
  });
});

describe("what cannot be meant is refused by path, and then nothing is given", () => {
  const rust = (classes: string): string => `name: p\nclasses:\n  - ${classes}\n`;
  const fn = (rest: string): string => `name: p\nfunctions:\n  - {key: f, ${rest}}\n`;
  const image = "container_image: i";
  const deployment = (rest: string): string => `name: p\ndeployments:\n  - {key: D, ${rest}}\n`;

  it.each([
    ["a name that would change on the way", "name: My Package\n", "name"],
    [
      "two names of one field that differ",
      "name: p\nrequired: [a]\ndependencies: [b]\n",
      "dependencies",
    ],
    ["a class twice", "name: p\nclasses: [{key: A}, {key: A}]\n", "classes[1]"],
    ["a class of another package", rust("{name: A, pkg: q}"), "classes[0].pkg"],
    [
      "a class that is to be removed",
      rust("{name: A, markForRemoval: true}"),
      "classes[0].markForRemoval",
    ],
    ["an unknown word", rust("{key: A, stateType: NORMALLY}"), "classes[0].stateType"],
    [
      "staleness without a bound",
      rust("{key: A, state_spec: {consistency_model: BOUNDED_STALENESS}}"),
      "classes[0].state_spec.consistency_model",
    ],
    [
      "memory that is persistent",
      rust("{key: A, state_spec: {persistent: true, default_provider: memory}}"),
      "classes[0].state_spec.default_provider",
    ],
    [
      "a binding of no function",
      rust("{key: A, function_bindings: [{name: b, function_key: nowhere}]}"),
      "classes[0].function_bindings[0].function_key",
    ],
    [
      "a WASM module",
      fn("function_type: WASM, provision_config: {wasm_module_url: w}"),
      "functions[0].provision_config.wasm_module_url",
    ],
    ["a function without an image", fn("description: d"), "functions[0]"],
    [
      "a number that would be rounded",
      fn(`provision_config: {${image}, min_scale: 1.5}`),
      "functions[0].provision_config.min_scale",
    ],
    [
      "a port out of range",
      fn(`provision_config: {${image}, port: 65536}`),
      "functions[0].provision_config.port",
    ],
    [
      "availability in percent where a ratio is meant",
      fn(`provision_config: {${image}}, requirements: {availability: 99.9}`),
      "functions[0].requirements.availability",
    ],
    [
      "more digits than are kept",
      fn(`provision_config: {${image}}, requirements: {availability: 0.99999999999}`),
      "functions[0].requirements.availability",
    ],
    [
      "unrelated copies",
      deployment("odgm: {replica_count: 2, shard_type: none}"),
      "deployments[0].odgm.replica_count",
    ],
    ["an unknown shard type", deployment("shardType: paxos"), "deployments[0].shardType"],
    [
      "a second collection",
      deployment("class_key: A, odgm: {collections: [x]}"),
      "deployments[0].odgm.collections[0]",
    ],
    [
      "an unknown template",
      deployment("target_envs: [a], env_templates: {a: huge}"),
      "deployments[0].env_templates[a]",
    ],
    [
      "a template of an environment that is not named",
      deployment("target_envs: [a], env_templates: {b: dev}"),
      "deployments[0].env_templates[b]",
    ],
    [
      "an environment that is no name",
      deployment("target_envs: [A_B]"),
      "deployments[0].target_envs[0]",
    ],
    [
      "a collection without a route's address",
      '[{"name": "c", "invocations": {"fn_routes": {"f": {}}}}]',
      "[0].invocations.fn_routes[f]",
    ],
    [
      "a primary that is no replica",
      '[{"name": "c", "shard_assignments": [{"primary": 5, "replica": [1], "shard_ids": [1]}]}]',
      "[0].shard_assignments[0].primary",
    ],
    ["no partitions", '[{"name": "c", "partition_count": 0}]', "[0].partition_count"],
    ["two that would be one", '[{"name": "a.b"}, {"name": "a-b"}]', ""],
    ["a document of ours", "apiVersion: oaas.io/v1alpha1\nkind: OPackage\n", ""],
    ["something else", "- 1\n", "[0]"],
    ["no document", "# nothing\n", ""],
    ["broken text", "name: [\n", ""],
    ["a field twice", "name: p\nname: q\n", ""],
  ])("%s", (_name, text, path) => {
    const { objects, refusals } = convert(text);
    expect(refusals.map((note) => note.path)).toContain(path);
    expect(objects).toEqual([]);
  });
});

describe("what has no place here is told by path and line", () => {
  it("an unknown field", () => {
    const { objects, warnings } = convert("name: p\ncolour: red\n");
    expect(objects).toHaveLength(1);
    expect(warnings).toEqual([
      { path: "colour", line: 2, message: "left out: not a field that upstream knows" },
    ]);
  });

  it("several documents are told apart", () => {
    const { objects, warnings } = convert("name: a\n---\nname: b\ncolour: red\n");
    expect(objects.map((object) => object.metadata.name)).toEqual(["a", "b"]);
    expect(warnings.map((note) => [note.path, note.line])).toEqual([["document[1].colour", 4]]);
  });

  it("every leaf of a fixture is either in the result or in a note", () => {
    const text = readFileSync(join(import.meta.dirname, "testdata", "java-package.json"), "utf8");
    const { objects, warnings } = convert(text);
    const result = JSON.stringify(objects);
    const leaves = ["lend:2", "scan:1", "How long.", "reader", "A book.", "people.Person", "SHELF"];
    for (const leaf of leaves) expect(result).toContain(leaf);
    const told = warnings.map((note) => note.path);
    expect(told).toEqual(expect.arrayContaining(["classes[0]._rev", "functions[0].status"]));
  });
});
