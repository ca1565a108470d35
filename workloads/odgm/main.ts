// The odgm program: command line, signals, exit codes. 0 = ended on a signal, 2 = wrong usage,
// 3 = the data folder cannot be used, 4 = the store failed while running.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { errorMessage } from "#api/base/index.ts";
import { createLogger, exitOnSignal, silentLogger } from "#workloads/platform/index.ts";

import { compact, compactText } from "./compact.ts";
import { DataDirError } from "./data-dir.ts";
import { startOdgm } from "./odgm.ts";
import { parseCommandLine } from "./options.ts";

/** Time from the first signal to the end of the process. */
const SHUTDOWN_BOUND_MS = 15_000;

const commandLine = parseCommandLine(process.argv.slice(2), process.env);
if (commandLine.kind === "exit") {
  process.stdout.write(commandLine.out);
  process.stderr.write(commandLine.error);
  process.exitCode = commandLine.code;
} else if (commandLine.kind === "compact") {
  const { dataDir } = commandLine;
  try {
    const report = await compact(dataDir, silentLogger);
    process.stdout.write(compactText(dataDir, report));
  } catch (cause: unknown) {
    process.stderr.write(`error: ${errorMessage(cause)}\n`);
    process.exitCode = cause instanceof DataDirError ? 3 : 1;
  }
} else {
  const { config } = commandLine;
  const log = createLogger({
    service: config.serviceName,
    level: config.logLevel,
    format: config.logFormat,
  });
  try {
    const starting = startOdgm({
      config,
      log,
      version: programVersion(),
      onStoreFailure: (cause) => {
        log.error("the store failed; this process ends", { error: errorMessage(cause) });
        process.exit(4);
      },
    });
    const steps = starting.then((running) => running.shutdown);
    exitOnSignal({ steps, boundMs: SHUTDOWN_BOUND_MS, log });
    await starting;
  } catch (cause: unknown) {
    log.error("cannot start", { error: errorMessage(cause) });
    process.exit(cause instanceof DataDirError ? 3 : 1);
  }
}

// Beside the sources the manifest is two folders up; an image has none and names its version.
function programVersion(): string {
  const fromEnv = process.env["OAAS_VERSION"];
  if (fromEnv !== undefined && fromEnv !== "") return fromEnv;
  try {
    const manifest = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
    return String((JSON.parse(manifest) as { version?: unknown }).version);
  } catch {
    return "unknown";
  }
}
