// `npm run workload -- NAME [ARGUMENTS]`: one program without Kubernetes. This process becomes the
// program, so that signals and exit codes are the program's own, and relative paths are meant from
// where the command was typed.
import { join } from "node:path";

import { discoverImages } from "#hack/images/index.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const [name, ...args] = process.argv.slice(2);
const images = await discoverImages(ROOT);
const image = images.find((candidate) => candidate.name === name);

if (image === undefined) {
  const names = images.map((candidate) => candidate.name).join(", ");
  console.error(`usage: npm run workload -- NAME [ARGUMENTS]\nNAME is one of ${names}`);
  console.error("every program takes --help");
  process.exitCode = name === "--help" ? 0 : 2;
} else {
  process.chdir(process.env["INIT_CWD"] ?? process.cwd());
  const program = [process.execPath, join(ROOT, image.folder, "main.ts"), ...args];
  if (process.execve === undefined) throw new Error("this system cannot replace a process");
  process.execve(process.execPath, program);
}
