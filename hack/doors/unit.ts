// `npm run unit [-- JEST ARGUMENTS]`: the tests that need no cluster. `--golden` rewrites goldens.
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const args = process.argv.slice(2);
const golden = args.includes("--golden");
const child = spawn(
  process.execPath,
  [
    "--experimental-vm-modules",
    join(root, "node_modules", "jest", "bin", "jest.js"),
    "--selectProjects",
    "unit",
    ...(golden ? ["--ci=false", "-u"] : ["--ci"]),
    ...args.filter((arg) => arg !== "--golden"),
  ],
  { cwd: root, stdio: "inherit" },
);
child.on("exit", (code) => process.exit(code ?? 1));
