// `api/proto/*.proto` -> `api/gen/*_pb.ts`, with buf as compiler and protoc-gen-es as a local
// plugin: nothing is fetched. Run alone: `node hack/gen/proto.ts [--check]`.
import { spawn } from "node:child_process";
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const protoDir = join(root, "api", "proto");
const genDir = join(root, "api", "gen");

/**
 * Writes `api/gen` from `api/proto`. With `check` it writes nothing and answers the names of the
 * files in `api/gen` that are missing, stale or left over; an empty list means up to date. Throws
 * with the compiler's text if a proto does not compile.
 */
export async function generateProtos(options: {
  readonly check: boolean;
}): Promise<readonly string[]> {
  const scratch = await mkdtemp(join(tmpdir(), "oaas-proto-"));
  try {
    const wanted = await compile(scratch);
    const present = await readTree(genDir);
    const stale = [...new Set([...wanted.keys(), ...present.keys()])]
      .filter((name) => wanted.get(name) !== present.get(name))
      .sort();
    if (options.check) return stale;
    await mkdir(genDir, { recursive: true });
    for (const name of stale) {
      const text = wanted.get(name);
      if (text === undefined) await rm(join(genDir, name));
      else await writeFile(join(genDir, name), text);
    }
    return stale;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compile(scratch: string): Promise<ReadonlyMap<string, string>> {
  const plugin = join(root, "node_modules", "@bufbuild", "protoc-gen-es", "bin", "protoc-gen-es");
  const template = {
    version: "v2",
    plugins: [
      {
        local: [process.execPath, plugin],
        out: join(scratch, "gen"),
        opt: ["target=ts", "import_extension=ts", "erasable_syntax=true"],
      },
    ],
  };
  const buf = join(root, "node_modules", "@bufbuild", "buf", "bin", "buf");
  await run([buf, "generate", protoDir, "--template", JSON.stringify(template)], scratch);
  return readTree(join(scratch, "gen"));
}

function run(args: readonly string[], cacheDir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, BUF_CACHE_DIR: join(cacheDir, "cache") };
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: "pipe" });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`buf generate ended with ${code}:\n${text}`));
    });
  });
}

async function readTree(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw cause;
  });
  for (const name of names.sort()) files.set(name, await readFile(join(folder, name), "utf8"));
  return files;
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  const stale = await generateProtos({ check });
  const verb = check ? "out of date" : "written";
  process.stdout.write(
    stale.length === 0 ? "api/gen: up to date\n" : `${verb}: ${stale.join(", ")}\n`,
  );
  if (check && stale.length > 0) process.exitCode = 1;
}
