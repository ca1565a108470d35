// Programs in Go that a bench needs, built from source once into the caches folder.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

import { cachesFolder } from "#hack/cluster/build/binaries.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";

const MODULE = join(import.meta.dirname, "go");

/** Builds `go/<name>` and answers its path. Another source is another program, built anew. */
export async function buildGoProgram(
  name: "etcd" | "unary",
  say: (line: string) => void,
): Promise<string> {
  const hash = createHash("sha256");
  for (const entry of readdirSync(MODULE, { recursive: true, encoding: "utf8" }).sort()) {
    if (/\.(go|mod|sum)$/.test(entry)) hash.update(readFileSync(join(MODULE, entry)));
  }
  const folder = join(cachesFolder(), "bin", `bench-${name}-${hash.digest("hex").slice(0, 12)}`);
  const program = join(folder, `bench-${name}`);
  if (existsSync(program)) return program;
  say(`building bench-${name} (once; cold: about a minute)`);
  mkdirSync(folder, { recursive: true });
  const env = { CGO_ENABLED: "0", GOFLAGS: "-trimpath -buildvcs=false", GOTOOLCHAIN: "local" };
  const argv = ["go", "build", "-ldflags", "-s -w", "-o", `${program}.part`, `./${name}`];
  await check(hostRunner, argv, { cwd: MODULE, env });
  renameSync(`${program}.part`, program);
  return program;
}
