// `npm run images -- [build] [NAMES...]`: builds images, lists them, hands them to an engine.
import { spawnSync } from "node:child_process";

import { Command } from "commander";

import { errorMessage } from "#api/base/index.ts";

import { archivesOf, buildImages, discoverImages, ImageError, type BuiltImage } from "./index.ts";

interface Flags {
  readonly list?: boolean;
  readonly load?: string;
  readonly json?: boolean;
}

/** Engines that read a docker-archive with `load --input`. */
const ENGINES = ["docker", "podman"];

function loadInto(engine: string, images: readonly BuiltImage[]): void {
  for (const archive of archivesOf(images)) {
    const result = spawnSync(engine, ["load", "--input", archive], { encoding: "utf8" });
    if (result.status === 0) continue;
    const reason = result.error?.message ?? result.stderr.trim();
    throw new ImageError("IMAGE_ENGINE", `${engine} did not load ${archive}: ${reason}`);
  }
}

async function run(words: readonly string[], flags: Flags): Promise<void> {
  const names = words[0] === "build" ? words.slice(1) : words;
  if (flags.list === true) {
    const sources = await discoverImages(process.cwd());
    for (const source of sources) console.log(`${source.name.padEnd(20)} ${source.folder}`);
    return;
  }
  if (flags.load !== undefined && !ENGINES.includes(flags.load)) {
    throw new ImageError("IMAGE_ENGINE", `--load takes ${ENGINES.join(" or ")}`);
  }
  const say = (line: string): void => console.error(line);
  const images = await buildImages(names, flags.json === true ? {} : { say });
  if (flags.load !== undefined) loadInto(flags.load, images);
  if (flags.json === true) console.log(JSON.stringify(images, undefined, 2));
}

const command = new Command("npm run images --")
  .description(
    "Build the images of every folder with a Dockerfile, as one archive in .build/images",
  )
  .argument("[words...]", "`build` (the default) and names of images; none means all")
  .option("--list", "print the images and their folders, build nothing")
  .option("--load <engine>", "also load the archive into docker or podman")
  .option("--json", "print what was built as JSON")
  .action(run);

command.parseAsync().catch((cause: unknown) => {
  console.error(`images: ${errorMessage(cause)}`);
  process.exitCode = 1;
});
