// The command line as a user meets it; what it prints, and its exit codes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { crdCommand } from "./crd-main.ts";

const rows = join(import.meta.dirname, "crd", "testdata", "rows");
let out = "";

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "crd-"));
});

afterAll(() => {
  rmSync(out, { recursive: true });
});

describe("npm run crd", () => {
  it("compiles, finds nothing to do, and tells what differs", async () => {
    const args = ["--types", join(rows, "lists.ts"), "--out", out, "--label", "team=us"];
    const file = join(out, "listss.rows.example.com.yaml");
    expect(await crdCommand(args)).toEqual({ code: 0, out: `wrote ${file}\n` });
    expect(readFileSync(file, "utf8")).toContain("labels:\n    team: us");
    expect(await crdCommand([...args, "--check"])).toEqual({ code: 0, out: "" });
    writeFileSync(file, "other\n");
    const told = await crdCommand([...args, "--check"]);
    expect(told).toMatchObject({ code: 1, out: expect.stringContaining("line 1:\n- other") });
  });

  it("compiles under a tsconfig of somebody else", async () => {
    const tsconfig = join(out, "tsconfig.json");
    const types = join(out, "types.ts");
    writeFileSync(types, readFileSync(join(rows, "null-union.ts"), "utf8"));
    const compile = ["--types", types, "--out", out, "--tsconfig", tsconfig];
    const strict = JSON.stringify({ compilerOptions: { strict: true, composite: true } });
    writeFileSync(tsconfig, strict);
    expect(await crdCommand(compile)).toMatchObject({
      code: 1,
      out: expect.stringContaining("types.ts:13: spec.text: null is discouraged"),
    });
    writeFileSync(tsconfig, '{"compilerOptions": {"strict": "yes"}}');
    expect(await crdCommand(compile)).toMatchObject({
      code: 1,
      out: expect.stringContaining("strict"),
    });
  });

  it("lints what others made", async () => {
    const file = join(out, "bad.yaml");
    const root = "{type: object, properties: {spec: {type: array}}}";
    const crd =
      "kind: CustomResourceDefinition\nmetadata: {name: as.t.io}\nspec: {group: t.io, " +
      "scope: Cluster, names: {plural: as, kind: A, listKind: AList}, versions: [{name: v1, " +
      `storage: true, schema: {openAPIV3Schema: ${root}}}]}\n`;
    writeFileSync(file, `kind: Other\n---\n${crd}`);
    const at = "spec.versions[0].schema.openAPIV3Schema.properties[spec].items";
    expect(await crdCommand(["--lint", file])).toEqual({
      code: 1,
      out: `${file}: ${at}: is required\n`,
    });
  });

  it("tells what breaks between two files", async () => {
    const [old, now] = [join(rows, "lists.yaml"), join(out, "now.yaml")];
    const text = readFileSync(old, "utf8");
    writeFileSync(now, text.replaceAll("maxLength: 9", "maxLength: 8"));
    const broken = await crdCommand(["--compare", old, now]);
    expect(broken).toEqual({
      code: 1,
      out: expect.stringMatching(
        /^breaking: \S+: v1\.spec\.map\[\]\.name: maxLength was 9 and is 8 \(BoundNarrowed\)\n {2}keep/,
      ),
    });
    expect(await crdCommand(["--compare", now, old])).toEqual({ code: 0, out: "" });
    writeFileSync(now, text.replace("default: Http", "default: Grpc"));
    expect(await crdCommand(["--compare", old, now])).toMatchObject({
      code: 0,
      out: expect.stringContaining("possible: "),
    });
    writeFileSync(now, "kind: Other\n");
    expect((await crdCommand(["--compare", old, now])).out).toContain("the CRD is removed");
  });

  it("tells what breaks since a revision", async () => {
    const crd = join(rows, "lists.yaml");
    expect(await crdCommand(["--against", "HEAD", crd])).toEqual({ code: 0, out: "" });
    expect((await crdCommand(["--against", "no-such-revision", crd])).code).toBe(1);
    expect((await crdCommand(["--against", "--output=x", crd])).code).toBe(2);
    expect((await crdCommand(["--against", "HEAD", "README.md"])).code).toBe(1);
  });

  it.each([
    [[]],
    [["--what"]],
    [["--compare", "a"]],
    [["--types", "a.ts"]],
    [["--types", "a.ts", "--lint"]],
    [["--lint"]],
  ])("%j means nothing", async (args) => {
    const told = await crdCommand(args);
    expect(told.code).toBe(2);
    expect(told.out).toContain("CRD --types");
  });
});
