// The two images that a node needs before anything is loaded: the pause program that holds a pod's
// namespaces, and a busybox to look around with. Written as one docker archive.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import type { Pack } from "tar-stream";
import type { Binaries } from "../../build/binaries.ts";
import { cachesFolder } from "../../build/binaries.ts";
import { check, ClusterError } from "../../run.ts";
import type { CommandRunner } from "../../run.ts";
import { BUSYBOX_IMAGE, PAUSE_IMAGE } from "./node-config.ts";

interface ImageFiles {
  readonly reference: string;
  readonly entrypoint: readonly string[];
  readonly files: readonly { readonly name: string; readonly data: Buffer }[];
  readonly links: readonly { readonly name: string; readonly target: string }[];
}

/** Path of the archive with both images; made once per content. */
export async function baseImages(runner: CommandRunner, programs: Binaries): Promise<string> {
  const pause = readFileSync(programs.path("pause"));
  const path = ["/usr/bin/busybox", "/bin/busybox"].find(existsSync);
  if (path === undefined) throw new ClusterError("CLUSTER_HOST", "busybox is not installed");
  const busybox = readFileSync(path);
  const key = createHash("sha256").update("1").update(pause).update(busybox).digest("hex");
  const folder = join(cachesFolder(), "images");
  const archive = join(folder, `node-base-${key.slice(0, 12)}.tar`);
  if (existsSync(archive)) return archive;
  const applets = (await check(runner, [path, "--list"])).stdout.trim().split("\n");
  const bytes = await archiveOf([
    {
      reference: PAUSE_IMAGE,
      entrypoint: ["/pause"],
      files: [{ name: "pause", data: pause }],
      links: [],
    },
    {
      reference: BUSYBOX_IMAGE,
      entrypoint: ["/bin/sh"],
      files: [{ name: "bin/busybox", data: busybox }],
      links: applets
        .filter((applet) => applet !== "busybox")
        .map((applet) => ({ name: `bin/${applet}`, target: "busybox" })),
    },
  ]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${archive}.${process.pid}.part`, bytes);
  renameSync(`${archive}.${process.pid}.part`, archive);
  return archive;
}

async function archiveOf(images: readonly ImageFiles[]): Promise<Buffer> {
  const outer = pack();
  const manifest: unknown[] = [];
  for (const image of images) {
    const layer = await layerOf(image);
    const config = Buffer.from(JSON.stringify(configOf(image, digest(layer))));
    const layerName = `${digest(layer)}.tar`;
    const configName = `${digest(config)}.json`;
    outer.entry({ name: layerName }, layer);
    outer.entry({ name: configName }, config);
    manifest.push({ Config: configName, RepoTags: [image.reference], Layers: [layerName] });
  }
  outer.entry({ name: "manifest.json" }, JSON.stringify(manifest));
  outer.finalize();
  return await bytesOf(outer);
}

async function layerOf(image: ImageFiles): Promise<Buffer> {
  const layer = pack();
  const mtime = new Date(0);
  const folders = image.files.some((file) => file.name.startsWith("bin/")) ? ["bin", "tmp"] : [];
  for (const name of folders) {
    layer.entry({
      name: `${name}/`,
      type: "directory",
      mode: name === "tmp" ? 0o1777 : 0o755,
      mtime,
    });
  }
  for (const file of image.files) layer.entry({ name: file.name, mode: 0o755, mtime }, file.data);
  for (const link of image.links) {
    layer.entry({ name: link.name, type: "symlink", linkname: link.target, mtime });
  }
  layer.finalize();
  return await bytesOf(layer);
}

function configOf(image: ImageFiles, layerDigest: string): unknown {
  return {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Entrypoint: image.entrypoint, Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${layerDigest}`] },
  };
}

function digest(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

async function bytesOf(stream: Pack): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
