// The package of the framework, as somebody without a clone uses it: the file that npm packs, in a
// project whose compiler also checks our declarations. Instead of `npm install` the file is
// unpacked, and exactly the dependencies that its manifest names are linked beside it.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { filesOf, readBlocks } from "#hack/operator/guide.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "..", "..");
const NODE_FOLDER = dirname(process.execPath);
const ENV = { ...process.env, PATH: [NODE_FOLDER, process.env["PATH"]].join(delimiter) };

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oaas-package-"));
  const main = join(ROOT, "hack/package/main.ts");
  const { stdout } = await run(process.execPath, [main, "--out", folder], { env: ENV });
  const unpacked = join(folder, "node_modules", "oaas-operator");
  await mkdir(unpacked, { recursive: true });
  await run("tar", ["-xzf", stdout.trim(), "-C", unpacked, "--strip-components=1"]);
  const manifest = JSON.parse(await readFile(join(unpacked, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of [...Object.keys(manifest.dependencies), "@types/node"]) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), link);
  }
  const guide = await readFile(join(ROOT, "docs/guides/first-operator.md"), "utf8");
  for (const [name, text] of filesOf(readBlocks(guide))) {
    await writeFile(
      join(folder, name),
      text.replace('"skipLibCheck": true', '"declaration": true'),
    );
  }
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What the command printed; throws with all of it unless it ends with 0. */
async function node(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd: folder, env: ENV }).catch(
    (cause: Error & { readonly stdout?: string }) => {
      throw new Error(`${cause.message}\n${cause.stdout ?? ""}`);
    },
  );
  return stdout;
}

describe("the package", () => {
  it("has no TypeScript but declarations, which check without skipLibCheck", async () => {
    const { stdout } = await run("find", [
      join(folder, "node_modules/oaas-operator"),
      "-name",
      "*.ts",
    ]);
    const sources = stdout.split("\n").filter((path) => path !== "" && !path.endsWith(".d.ts"));
    expect(sources).toEqual([]);
    expect(await node(join(ROOT, "node_modules/typescript/bin/tsc"))).toBe("");
  });

  it("runs the guide's unit test, and one seed of its simulation", async () => {
    const told = await node("--test", "controller.test.ts");
    expect(told).toMatch(/^ℹ pass [1-9]/m);
    expect(told).toMatch(/^ℹ fail 0$/m);
    const simulation = await node("--test", "--test-name-pattern=seed 1$", "simulation.test.ts");
    expect(simulation).toMatch(/^ℹ pass 1$/m);
  });

  it("compiles a kind of somebody else", async () => {
    const bin = join(folder, "node_modules/oaas-operator/bin/oaas-operator-crd.js");
    expect(await node(bin, "--types", "page.ts", "--out", "crds")).toContain("wrote crds");
    const crd = await readFile(join(folder, "crds/pages.example.com.yaml"), "utf8");
    // A tag of the types, one of the page's own alias of an integer, one of the kind.
    expect(crd).toContain("maxLength: 10000");
    expect(crd).toContain("format: int32");
    expect(crd).toContain("jsonPath: .status.words");
  });

  it("offers the class surface of @dot-i/k8s-operator", async () => {
    const names = await node(
      ...["--input-type=module", "-e"],
      'import * as compat from "oaas-operator/compat"; console.log(Object.keys(compat).join());',
    );
    expect(names.split(",")).toEqual(expect.arrayContaining(["ResourceEventType"]));
  });
});
