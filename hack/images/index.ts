// Public face of the image builder: every folder with a Dockerfile becomes an archive under
// .build/images. No container engine is needed; where one runs it can load the archive.
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";

import { buildAppLayer } from "./app-layer.ts";
import { encodeConfig, writeArchive } from "./archive.ts";
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
  /** One line per finished image. */
  readonly say?: (line: string) => void;
}

const REPOSITORY_ROOT = join(import.meta.dirname, "..", "..");

/**
 * Builds the images of these names, or all, and returns them in name order. Equal sources give
 * equal digests; an archive that exists for the digest is not written again. Older archives of the
 * same image are removed. Throws {@link ImageError}.
 */
export async function buildImages(
  names?: readonly string[],
  options: BuildOptions = {},
): Promise<readonly BuiltImage[]> {
  const root = resolve(options.root ?? REPOSITORY_ROOT);
  const output = options.output ?? join(root, ".build", "images");
  const sources = selectImages(await discoverImages(root), names);
  if (sources.length === 0) return [];
  await mkdir(output, { recursive: true });
  const base = await ensureBaseLayer({ nodePath: process.execPath, folder: output });
  const built: BuiltImage[] = [];
  for (const source of sources) {
    const { image, isNew } = await buildImage({ root, output, source, base });
    options.say?.(`${image.repository}:${image.tag} ${isNew ? "built" : "unchanged"}`);
    built.push(image);
  }
  return built;
}

async function buildImage(options: {
  readonly root: string;
  readonly output: string;
  readonly source: ImageSource;
  readonly base: StoredLayer;
}): Promise<{ readonly image: BuiltImage; readonly isNew: boolean }> {
  const { root, output, source, base } = options;
  const dockerfile = join(source.folder, "Dockerfile");
  const declaration = parseDockerfile(await readFile(join(root, dockerfile), "utf8"), dockerfile);
  const app = await buildAppLayer(root, source);
  const config = encodeConfig({
    name: source.name,
    nodeArch: process.arch,
    declaration,
    layerDigests: [base.digest, digestOf(app)],
  });
  const file = `${source.name}@${config.tag}.tar`;
  const archive = join(output, file);
  const existing = (await readdir(output)).filter((name) => name.startsWith(`${source.name}@`));
  const isNew = !existing.includes(file);
  if (isNew) await writeArchive({ path: archive, name: source.name, config, base, app });
  for (const name of existing) {
    if (name !== file && name.endsWith(".tar")) await rm(join(output, name), { force: true });
  }
  const repository = repositoryOf(source.name);
  const { tag, digest } = config;
  return { image: { name: source.name, repository, tag, digest, archive }, isNew };
}
