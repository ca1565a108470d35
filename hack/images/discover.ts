// Which folders become images: those with a Dockerfile in the three places where programs live.
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { ImageError, type ImageSource } from "./model.ts";

const PLACES = [
  { folder: "operators", prefix: "operator-" },
  { folder: "workloads", prefix: "" },
  { folder: "workloads/sdk/samples", prefix: "fn-" },
] as const;

/** Every image of the repository at `root`, sorted by name. */
export async function discoverImages(root: string): Promise<readonly ImageSource[]> {
  const found: ImageSource[] = [];
  for (const place of PLACES) {
    for (const child of await foldersOf(join(root, place.folder))) {
      const files = await readdir(join(root, place.folder, child));
      if (!files.includes("Dockerfile")) continue;
      found.push({ name: `${place.prefix}${child}`, folder: `${place.folder}/${child}` });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The images of these names, in the order of `sources`; IMAGE_UNKNOWN for any other name. */
export function selectImages(
  sources: readonly ImageSource[],
  names: readonly string[] | undefined,
): readonly ImageSource[] {
  if (names === undefined || names.length === 0) return sources;
  const known = new Set(sources.map((source) => source.name));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new ImageError(
      "IMAGE_UNKNOWN",
      `no image named ${unknown.join(", ")}; there are ${[...known].join(", ") || "none"}`,
    );
  }
  return sources.filter((source) => names.includes(source.name));
}

async function foldersOf(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}
