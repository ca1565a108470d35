// Entry of the gateway image, and of `npm run workload -- gateway`. Flags are turned into the names
// of api/workload/gateway.ts and win over the environment; everything else is in program.ts.
import { Command } from "commander";

import { errorMessage } from "#api/base/index.ts";
import { GATEWAY_ENV, GATEWAY_ENV_PREFIX, parseGatewayEnv } from "#api/workload/gateway.ts";
import { createLogger } from "#workloads/platform/log/index.ts";
import { exitOnSignal } from "#workloads/platform/shutdown/index.ts";

import { startGateway } from "./program.ts";

/** Requests may take so long to end after SIGTERM; less than the pod's grace period of 30 s. */
const GRACE_MS = 20_000;
const SHUTDOWN_MS = 25_000;

const command = new Command("gateway")
  .description("REST and gRPC entry to OaaS objects and functions, on one port")
  .option("--listen <host:port>", "REST (HTTP/1.1, h2c) and gRPC")
  .option("--health-listen <host:port>", "health and metrics")
  .option("--odgm <host:port>", "standalone: every class is at this odgm (loopback)")
  .option("--routes <file>", "routes.json: table at start, read again when it changes")
  .option("--routing <host:port>", "the operator's RoutingService")
  .option("--routing-identity <uri>", "URI SAN that it must have")
  .option("--routing-identity-file <file>", "file with that URI SAN")
  .option("--tls-dir <folder>", "ca.crt, tls.crt and tls.key for links and routing")
  .option("--insecure", "plaintext links; only if every listener is on loopback")
  .option("--request-timeout-ms <ms>", "default time of a call (30000)")
  .option("--max-payload-bytes <bytes>", "largest body and message (4194304)")
  .option("--retry-attempts <n>", "further attempts of calls that may be tried again (2)")
  .option("--retry-backoff-ms <ms>", "pause before the first of them (25)")
  .option("--log-level <level>", "debug, info, warn or error")
  .option("--log-format <format>", "json or plain")
  .addHelpText(
    "after",
    `\nEvery flag has an environment name, ${GATEWAY_ENV_PREFIX}LISTEN for --listen and so on.\n` +
      `Also read: ${GATEWAY_ENV_PREFIX}${GATEWAY_ENV.httpPort} and ` +
      `${GATEWAY_ENV_PREFIX}${GATEWAY_ENV.metricsPort}, as upstream's chart sets them.`,
  )
  .parse();

function fromFlags(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(command.opts<Record<string, string | boolean>>())) {
    const flag = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    env[GATEWAY_ENV_PREFIX + flag] = String(value);
  }
  return env;
}

const parsed = parseGatewayEnv({ ...process.env, ...fromFlags() });
if (parsed.kind === "invalid") {
  for (const problem of parsed.problems) process.stderr.write(`gateway: ${problem}\n`);
  process.exit(2);
}
const { config } = parsed;
const log = createLogger({
  service: "gateway",
  level: config.logLevel,
  format: config.logFormat,
});
try {
  const starting = startGateway(config, log);
  exitOnSignal({
    steps: starting.then((gateway) => [{ name: "gateway", run: () => gateway.close(GRACE_MS) }]),
    boundMs: SHUTDOWN_MS,
    log,
  });
  const gateway = await starting;
  log.info("gateway serves", { port: gateway.port, healthPort: gateway.healthPort });
} catch (cause: unknown) {
  log.error("the gateway did not start", { error: errorMessage(cause) });
  process.exit(1);
}
