// Builds fixtures of a few lines into a folder of their own, with a small program in Node's place.
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import tar from "tar-stream";

import { archivesOf, buildImages, type BuiltImage } from "./index.ts";

const SMALL_PROGRAM = "/bin/true";
const TESTDATA = join(import.meta.dirname, "testdata");
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "oaas-images-"));
});
afterAll(async () => {
  await rm(scratch, { recursive: true });
});

async function build(root: string, output: string, names?: string[]): Promise<BuiltImage> {
  const options = { root, output: join(scratch, output), nodePath: SMALL_PROGRAM };
  const [image] = await buildImages(names, options);
  if (image === undefined) throw new Error("nothing was built");
  return image;
}

async function filesOf(archive: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const extract = tar.extract();
  extract.end(await readFile(archive));
  for await (const entry of extract) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(entry.header.name, Buffer.concat(chunks));
  }
  return files;
}

describe("buildImages", () => {
  it("turns a folder with a Dockerfile into an archive whose names agree", async () => {
    const image = await build(join(TESTDATA, "fixture"), "one");
    expect(image.repository).toBe("oaas-operator.local/tiny");
    expect(image.digest.slice(7, 19)).toBe(image.tag);
    const files = await filesOf(image.archive);
    const [manifest] = JSON.parse(files.get("manifest.json")?.toString() ?? "") as {
      Config: string;
      RepoTags: string[];
      Layers: string[];
    }[];
    expect(manifest?.RepoTags).toEqual([
      `oaas-operator.local/tiny:${image.tag}`,
      "oaas-operator.local/tiny:dev",
    ]);
    const config: unknown = JSON.parse(files.get(manifest?.Config ?? "")?.toString() ?? "");
    expect(config).toMatchObject({
      os: "linux",
      config: {
        User: "65532:65532",
        Entrypoint: ["/node", "/app/main.mjs"],
        Env: ["NODE_ENV=production", "PATH=/", "TINY_MODE=of fixture"],
        ExposedPorts: { "8080/tcp": {} },
      },
      rootfs: { diff_ids: manifest?.Layers.map((layer) => `sha256:${layer.slice(0, -4)}`) },
    });
  });

  it("gives the same digest and bytes in another folder, another digest for another line", async () => {
    const root = join(scratch, "copy");
    await cp(join(TESTDATA, "fixture"), root, { recursive: true });
    const original = await build(join(TESTDATA, "fixture"), "one");
    const copy = await build(root, "two");
    expect(copy.digest).toBe(original.digest);
    expect((await readFile(copy.archive)).equals(await readFile(original.archive))).toBe(true);

    const greeting = join(root, "workloads", "tiny", "greeting.ts");
    const text = await readFile(greeting, "utf8");
    await writeFile(greeting, text.replace("hello", "good day"));
    const changed = await build(root, "two");
    expect(changed.digest).not.toBe(original.digest);
    expect(changed.archive).not.toBe(copy.archive);
    await writeFile(greeting, text);
    expect(await build(root, "two")).toEqual(copy);
  });

  it("puts the images of a build into one archive", async () => {
    const root = join(scratch, "several");
    await cp(join(TESTDATA, "fixture"), root, { recursive: true });
    await cp(join(root, "workloads", "tiny"), join(root, "operators", "oaas"), { recursive: true });
    const sample = join(root, "workloads", "sdk", "samples", "echo");
    await cp(join(root, "workloads", "tiny"), sample, { recursive: true });
    const output = join(scratch, "several-out");
    const images = await buildImages(undefined, { root, output, nodePath: SMALL_PROGRAM });
    expect(images.map((image) => image.name)).toEqual(["fn-echo", "operator-oaas", "tiny"]);
    expect(archivesOf(images)).toEqual([images[0]?.archive]);
    const files = await filesOf(images[0]?.archive ?? "");
    const manifest = JSON.parse(files.get("manifest.json")?.toString() ?? "") as {
      Layers: string[];
    }[];
    expect(manifest).toHaveLength(3);
    const bases = new Set(manifest.map((image) => image.Layers[0]));
    expect(bases.size).toBe(1);
    expect([...files.keys()].filter((name) => name.endsWith(".tar"))).toHaveLength(1 + 3);
  });

  it("names the images that exist when asked for another", async () => {
    await expect(build(join(TESTDATA, "fixture"), "one", ["odgn"])).rejects.toThrow(
      "no image named odgn; there are tiny",
    );
  });

  it("says what the bundler said", async () => {
    const root = join(scratch, "broken");
    await cp(join(TESTDATA, "fixture"), root, { recursive: true });
    await rm(join(root, "workloads", "tiny", "greeting.ts"));
    await expect(build(root, "broken-output")).rejects.toThrow('Could not resolve "./greeting.ts"');
  });

  it("brings everything that native packages need", async () => {
    const image = await build(join(TESTDATA, "native"), "native");
    const files = await filesOf(image.archive);
    const [manifest] = JSON.parse(files.get("manifest.json")?.toString() ?? "") as {
      Layers: string[];
    }[];
    // The layer runs where no node_modules of the repository can be found.
    execFileSync("tar", ["-x", "-C", scratch], { input: files.get(manifest?.Layers[1] ?? "") });
    const program = [join(scratch, "app", "main.mjs"), join(scratch, "db")];
    const output = execFileSync(process.execPath, program, { encoding: "utf8", cwd: scratch });
    expect(JSON.parse(output)).toEqual({
      value: { list: [1, 2.5, "x"] },
      answer: 42,
      hash: "e6c632b61e964e1f",
      types: "function,function,function",
    });
  });
});
