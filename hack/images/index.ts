// Public face of the image builder: every folder with a Dockerfile becomes an archive under
// .build/images. No container engine is needed; where one runs it can load the archive.
import { mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";

import { buildAppLayer } from "./app-layer.ts";
import { encodeConfig, writeArchive, type ArchivedImage } from "./archive.ts";
import { ensureBaseLayer, type StoredLayer } from "./base-layer.ts";
import { discoverImages, selectImages } from "./discover.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { digestOf } from "./layer.ts";
import { repositoryOf, type BuiltImage, type ImageSource } from "./model.ts";

export { discoverImages } from "./discover.ts";
export { ImageError, repositoryOf } from "./model.ts";
export type { BuiltImage, ImageErrorCode, ImageSource } from "./model.ts";

/** Where to build, and who hears of it. */
export interface BuildOptions {
  /** Repository root; default: this repository. */
  readonly root?: string;
  /** Folder of layers and archives; default: `<root>/.build/images`. */
  readonly output?: string;
  /** The program at `/node`; default: the Node that runs this. */
  readonly nodePath?: string;
  /** One line per finished image. */
  readonly say?: (line: string) => void;
}

const REPOSITORY_ROOT = join(import.meta.dirname, "..", "..");

/** Archives that stay when a new one is written, so that a loader beside us is not cut off. */
const ARCHIVES_KEPT = 4;

/**
 * Builds the images of these names, or all, and returns them in name order; they lie together in
 * one archive. Equal sources give equal digests; an archive that exists for the digests is not
 * written again. Throws {@link ImageError}.
 */
export async function buildImages(
  names?: readonly string[],
  options: BuildOptions = {},
): Promise<readonly BuiltImage[]> {
  const root = resolve(options.root ?? REPOSITORY_ROOT);
  const output = resolve(options.output ?? join(root, ".build", "images"));
  const sources = selectImages(await discoverImages(root), names);
  if (sources.length === 0) return [];
  await mkdir(output, { recursive: true });
  const base = await ensureBaseLayer({
    nodePath: options.nodePath ?? process.execPath,
    folder: output,
  });
  const images: ArchivedImage[] = [];
  for (const source of sources) {
    const image = await buildImage(root, source, base);
    options.say?.(`${repositoryOf(image.name)}:${image.config.tag}`);
    images.push(image);
  }
  const archive = await ensureArchive(output, base, images);
  return images.map(({ name, config: { tag, digest } }) => {
    return { name, repository: repositoryOf(name), tag, digest, archive };
  });
}

/** The archives to load for these images, each once. */
export function archivesOf(images: readonly BuiltImage[]): readonly string[] {
  return [...new Set(images.map((image) => image.archive))];
}

async function buildImage(
  root: string,
  source: ImageSource,
  base: StoredLayer,
): Promise<ArchivedImage> {
  const dockerfile = join(source.folder, "Dockerfile");
  const declaration = parseDockerfile(await readFile(join(root, dockerfile), "utf8"), dockerfile);
  const app = await buildAppLayer(root, source);
  const appDigest = digestOf(app);
  const config = encodeConfig({
    name: source.name,
    nodeArch: process.arch,
    declaration,
    layerDigests: [base.digest, appDigest],
  });
  return { name: source.name, config, app, appDigest };
}

/** Path of the archive with exactly these images; its name is a digest over theirs. */
async function ensureArchive(
  output: string,
  base: StoredLayer,
  images: readonly ArchivedImage[],
): Promise<string> {
  const digests = images.map(({ name, config }) => `${name} ${config.digest}\n`).join("");
  const path = join(output, `images@${digestOf(Buffer.from(digests)).slice(7, 19)}.tar`);
  const now = new Date();
  try {
    await utimes(path, now, now);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    await writeArchive({ path, base, images });
  }
  await removeOldArchives(output);
  return path;
}

async function removeOldArchives(output: string): Promise<void> {
  const names = (await readdir(output)).filter((name) => /^images@\w+\.tar$/.test(name));
  const dated = await Promise.all(
    names.map(async (name) => ({ name, usedMs: (await stat(join(output, name))).mtimeMs })),
  );
  const old = dated.sort((a, b) => b.usedMs - a.usedMs).slice(ARCHIVES_KEPT);
  await Promise.all(old.map(({ name }) => rm(join(output, name), { force: true })));
}
