// A docker-archive: configs, layers and manifest.json in one tar. All images of a build go into one
// archive, because the base is most of it and nodes would read it once per archive. containerd,
// Docker, Podman, kind and skopeo read it. Source: Docker image specification v1.2, "Combined Image
// JSON + Filesystem Changeset Format".
import { createReadStream, createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import tar from "tar-stream";

import type { StoredLayer } from "./base-layer.ts";
import { IMAGE_USER, type ImageDeclaration } from "./dockerfile.ts";
import { digestOf } from "./layer.ts";
import { DEVELOPMENT_TAG, repositoryOf } from "./model.ts";

/** The bytes of an image config and what follows from them. */
export interface ImageConfig {
  readonly json: Buffer;
  readonly digest: string;
  readonly tag: string;
}

const EPOCH = "1970-01-01T00:00:00Z";
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The config of an image with these layers, lowest first. Equal arguments give equal bytes. */
export function encodeConfig(options: {
  readonly name: string;
  readonly nodeArch: string;
  readonly declaration: ImageDeclaration;
  readonly layerDigests: readonly string[];
}): ImageConfig {
  const { declaration } = options;
  const config = {
    architecture: ARCHITECTURES[options.nodeArch] ?? options.nodeArch,
    os: "linux",
    created: EPOCH,
    config: {
      User: IMAGE_USER,
      Env: ["NODE_ENV=production", "PATH=/", ...declaration.env],
      Entrypoint: declaration.entrypoint,
      ...(declaration.cmd.length === 0 ? {} : { Cmd: declaration.cmd }),
      WorkingDir: "/",
      ExposedPorts: Object.fromEntries(declaration.exposedPorts.map((port) => [port, {}])),
      Labels: sortedRecord({
        ...declaration.labels,
        "org.opencontainers.image.title": options.name,
      }),
    },
    rootfs: { type: "layers", diff_ids: options.layerDigests },
    history: options.layerDigests.map(() => ({ created: EPOCH, created_by: "hack/images" })),
  };
  const json = Buffer.from(JSON.stringify(config));
  const digest = digestOf(json);
  return { json, digest, tag: digest.slice("sha256:".length, "sha256:".length + 12) };
}

/** One image of an archive: its layers are the base and `app`. */
export interface ArchivedImage {
  readonly name: string;
  readonly config: ImageConfig;
  readonly app: Buffer;
  readonly appDigest: string;
}

/** manifest.json of an archive with these images, each under both of its tags. */
export function encodeManifest(images: readonly ArchivedImage[], baseDigest: string): Buffer {
  const manifest = images.map(({ name, config, appDigest }) => ({
    Config: `${hexOf(config.digest)}.json`,
    RepoTags: [config.tag, DEVELOPMENT_TAG].map((tag) => `${repositoryOf(name)}:${tag}`),
    Layers: [baseDigest, appDigest].map((digest) => `${hexOf(digest)}.tar`),
  }));
  return Buffer.from(JSON.stringify(manifest));
}

/** Writes the archive to `path`; a reader sees the old file or the whole new one. */
export async function writeArchive(options: {
  readonly path: string;
  readonly base: StoredLayer;
  readonly images: readonly ArchivedImage[];
}): Promise<void> {
  const { path, base, images } = options;
  const files = new Map<string, Buffer>();
  for (const { config, app, appDigest } of images) {
    files.set(`${hexOf(config.digest)}.json`, config.json);
    files.set(`${hexOf(appDigest)}.tar`, app);
  }
  const part = `${path}.${process.pid}.part`;
  const pack = tar.pack();
  const written = pipeline(pack, createWriteStream(part));
  await addFile(pack, `${hexOf(base.digest)}.tar`, base);
  for (const [name, data] of files) addBytes(pack, name, data);
  addBytes(pack, "manifest.json", encodeManifest(images, base.digest));
  pack.finalize();
  await written;
  await rename(part, path);
}

function addBytes(pack: tar.Pack, name: string, data: Buffer): void {
  pack.entry(header(name), data);
}

async function addFile(pack: tar.Pack, name: string, stored: StoredLayer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const entry = pack.entry({ ...header(name), size: stored.sizeBytes }, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
    const source = createReadStream(stored.path, { highWaterMark: 1 << 20 });
    source.on("error", reject);
    source.pipe(entry);
  });
}

function header(name: string) {
  return { name, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), type: "file" } as const;
}

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

function sortedRecord(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
