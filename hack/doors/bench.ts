// `npm run bench -- NAME [ARGUMENTS]`: one benchmark of test/bench, as a program of its own. JSON
// lines on stdout, progress on stderr; each names its own arguments with --help.
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "..", "..", "test", "bench");
const [name, ...args] = process.argv.slice(2);
const found = await readdir(FOLDER, { withFileTypes: true });
const names = found.filter((entry) => entry.isDirectory()).map((entry) => entry.name);

if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [ARGUMENTS]\nNAME is one of ${names.join(", ")}`);
  process.exitCode = name === "--help" ? 0 : 2;
} else {
  const program = [join(FOLDER, name, "main.ts"), ...args];
  const child = spawn(process.execPath, program, { stdio: "inherit" });
  child.on("exit", (code) => (process.exitCode = code ?? 1));
}
