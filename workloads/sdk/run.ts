// The life of a function container: environment, log, serve, end on SIGTERM.
import { errorMessage } from "#api/base/index.ts";
import type { FunctionConfig } from "#api/workload/function.ts";
import { FUNCTION_ENV, parseFunctionEnv } from "#api/workload/function.ts";
import { createLogger } from "#workloads/platform/log/index.ts";
import { exitOnSignal } from "#workloads/platform/shutdown/index.ts";

import { ObjectClient } from "./object-client.ts";
import type { FunctionHandlers } from "./serve.ts";
import { serveFunctions } from "./serve.ts";

const GRACE_MS = 10_000;
const SHUTDOWN_MS = 15_000;

/** What the handlers of a program are made with. */
export interface ProgramContext {
  readonly config: FunctionConfig;
  /** Data service of the class; throws if the environment names none. */
  objects(): ObjectClient;
}

/** Runs a function program until it is told to end. Call once, from main. */
export async function runFunctions(
  service: string,
  about: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly args: readonly string[];
  },
  handlersOf: (context: ProgramContext) => FunctionHandlers,
): Promise<void> {
  const log = createLogger({ service, level: "info", format: "json" });
  if (about.args.includes("--help")) {
    process.stdout.write(
      `${service}: functions over gRPC (oprc.OprcFunction)\n` +
        `  ${FUNCTION_ENV.port}=8080        port\n` +
        `  ${FUNCTION_ENV.odgmService}=HOST:PORT  data service of the class\n`,
    );
    return;
  }
  const parsed = parseFunctionEnv(about.env);
  if (parsed.kind === "invalid") {
    for (const problem of parsed.problems) process.stderr.write(`${service}: ${problem}\n`);
    process.exit(2);
  }
  const { config } = parsed;
  let client: ObjectClient | undefined;
  const objects = (): ObjectClient => {
    if (config.odgmService === undefined) throw new Error(`${FUNCTION_ENV.odgmService} is not set`);
    client ??= new ObjectClient({ address: config.odgmService });
    return client;
  };
  try {
    const { port } = config;
    const starting = serveFunctions(handlersOf({ config, objects }), { port, log });
    exitOnSignal({
      steps: starting.then((server) => [
        { name: "server", run: () => server.close(GRACE_MS) },
        { name: "objects", run: () => client?.close() },
      ]),
      boundMs: SHUTDOWN_MS,
      log,
    });
    const server = await starting;
    log.info("functions are served", { port: server.port });
  } catch (cause: unknown) {
    log.error("the functions did not start", { error: errorMessage(cause) });
    process.exit(1);
  }
}
