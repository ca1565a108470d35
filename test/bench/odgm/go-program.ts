// Programs in Go that a bench needs, built from source once into the caches folder.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

import { cachesFolder } from "#hack/cluster/build/binaries.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";

/**
 * Builds the module in `source`, a folder with no folders in it, and answers the program's path.
 * Another content is another program; one that is there already is not built again.
 */
export async function buildGoProgram(
  name: string,
  source: string,
  say: (line: string) => void,
): Promise<string> {
  const hash = createHash("sha256");
  for (const file of readdirSync(source).sort()) hash.update(readFileSync(join(source, file)));
  const folder = join(cachesFolder(), "bin", `${name}-${hash.digest("hex").slice(0, 12)}`);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  say(`building ${name} (once; cold: about a minute)`);
  mkdirSync(folder, { recursive: true });
  const env = { CGO_ENABLED: "0", GOFLAGS: "-trimpath -buildvcs=false", GOTOOLCHAIN: "local" };
  const argv = ["go", "build", "-ldflags", "-s -w", "-o", `${program}.part`, "."];
  await check(hostRunner, argv, { cwd: source, env });
  renameSync(`${program}.part`, program);
  return program;
}
