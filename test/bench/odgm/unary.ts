// What one call costs on the surface that any client can use, by a native load tool (go/unary): gRPC
// and REST, at odgm itself and through the gateway, and a stateless function called directly and
// through the gateway. Direct and gateway take turns, so that their ratio is of neighbouring runs.
import { join } from "node:path";

import { silentLogger } from "#workloads/platform/log/index.ts";
import { Partitioning } from "#api/gen/oprc-route_pb.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";
import { cpuSeconds } from "#test/bench/operator/proc.ts";
import type { GatewayProgram } from "#test/conformance/gateway/support/process.ts";
import { makeFolder, startGatewayProgram } from "#test/conformance/gateway/support/process.ts";
import { writeRoutes } from "#test/conformance/gateway/support/routes.ts";
import { COLLECTION, MEMBER } from "#test/conformance/odgm/members.ts";
import type { FunctionServer } from "#workloads/sdk/index.ts";
import { serveFunctions } from "#workloads/sdk/index.ts";

import { buildGoProgram } from "./go-program.ts";
import type { Reporter } from "./report.ts";
import { below, median } from "./report.ts";
import { GridSubject } from "./subject.ts";

const CONNECTIONS = 8;
const WARM_UP_SECONDS = 1;
/** The design's figure for a stateless echo is at this rate. */
const ECHO_PER_SECOND = 500;
const ECHO = "echo";

/** What is measured. */
export interface UnaryOptions {
  readonly odgm: string;
  readonly gateway: string;
  readonly sizes: readonly number[];
  readonly concurrency: number;
  readonly keys: number;
  readonly seconds: number;
  readonly pairs: number;
  readonly say: (line: string) => void;
}

/** What one run of the tool prints. */
interface Told {
  readonly operations: number;
  readonly seconds: number;
  readonly failed: number;
  readonly firstError?: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Run {
  readonly perSecond: number;
  /** Calls by CPU seconds of all programs that serve them. */
  readonly perCpuSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Subjects {
  readonly tool: string;
  readonly grid: GridSubject;
  readonly gateway: GatewayProgram;
  readonly functions: FunctionServer;
}

/** The ways of a call: to odgm itself, and through the gateway over both protocols. */
const PATHS = ["direct", "gateway", "gateway-rest"] as const;
type Path = (typeof PATHS)[number];

/** One Basic shard, one gateway before it and one echo function. */
export async function unary(options: UnaryOptions, reporter: Reporter): Promise<void> {
  const folder = await makeFolder();
  const grid = await GridSubject.start(options.odgm, "Basic", 1);
  const handlers = {
    [ECHO]: (call: { readonly payload: Uint8Array }) => ({ payload: call.payload }),
  };
  const server = { host: "127.0.0.1", port: 0, log: silentLogger };
  const functions = await serveFunctions(handlers, server);
  const routes = join(folder.path, "routes.json");
  const { links, tlsDir } = grid.gatewayAccess;
  await writeRoutes(routes, [
    {
      name: COLLECTION,
      partitions: 1,
      generation: 1n,
      partitioning: Partitioning.HASHED,
      slots: [{ first: 0, last: 4095, partition: 0 }],
      routing: [{ data: { linkAddress: links[0] ?? "" } }],
      linkAddress: links[0] ?? "",
      linkIdentity: MEMBER,
      functions: [{ name: ECHO, stateless: true, url: `http://127.0.0.1:${functions.port}` }],
    },
  ]);
  const args = ["--tls-dir", tlsDir, "--routes", routes];
  const gateway = await startGatewayProgram(args, {}, options.gateway);
  const tool = await buildGoProgram("unary", options.say);
  const subjects = { tool, grid, gateway, functions };
  for (const valueBytes of options.sizes) await records(subjects, options, valueBytes, reporter);
  await echo(subjects, options, reporter);
  await gateway.stop();
  await functions.close(0);
  await grid.end();
  await folder.remove();
}

async function records(
  subjects: Subjects,
  options: UnaryOptions,
  valueBytes: number,
  reporter: Reporter,
): Promise<void> {
  const { concurrency, seconds, pairs, keys } = options;
  const call = (path: Path, operation: "set" | "get", forSeconds: number): Promise<Run> => {
    const flags = { operation, size: valueBytes, concurrency, keys, seconds: forSeconds };
    const protocol = path === "gateway-rest" ? "rest" : "grpc";
    return run(subjects, path === "direct" ? "direct" : "gateway", { ...flags, protocol });
  };
  // Every key is there before any is read.
  const everything = { operation: "set", size: valueBytes, concurrency, keys, all: true };
  await run(subjects, "direct", everything);
  for (const path of PATHS) await call(path, "set", WARM_UP_SECONDS);
  for (const operation of ["set", "get"] as const) {
    const rounds: Readonly<Record<Path, Run>>[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const direct = await call("direct", operation, seconds);
      const gateway = await call("gateway", operation, seconds);
      rounds.push({
        direct,
        gateway,
        "gateway-rest": await call("gateway-rest", operation, seconds),
      });
      options.say(JSON.stringify({ operation, valueBytes, ...rounds.at(-1) }));
    }
    for (const path of PATHS) {
      tell(reporter, { operation, path, valueBytes, concurrency }, rounds, path);
    }
  }
}

const FIGURES = [
  ["calls", "perSecond", "1/s"],
  ["calls-per-cpu-second", "perCpuSecond", "1/s"],
  ["p50", "p50Ms", "ms"],
  ["p99", "p99Ms", "ms"],
] as const;

function tell(
  reporter: Reporter,
  of: Readonly<Record<string, string | number>>,
  rounds: readonly Readonly<Record<Path, Run>>[],
  path: Path,
): void {
  for (const [name, field, unit] of FIGURES) {
    const value = median(rounds.map((round) => round[path][field]));
    const ratios = rounds.map((round) => round[path][field] / round.direct[field]);
    reporter.tell({
      ...{ bench: `unary.${name}`, of, value, unit },
      ...(path === "direct" ? {} : { ratios }),
    });
  }
}

/** At a rate that both carry easily: what the gateway adds to a call of a function. */
async function echo(subjects: Subjects, options: UnaryOptions, reporter: Reporter): Promise<void> {
  const { seconds, pairs, keys } = options;
  const flags = { operation: "invoke", function: ECHO, size: 100, keys, rate: ECHO_PER_SECOND };
  const call = (to: "function" | "gateway"): Promise<Run> =>
    run(subjects, to, { ...flags, seconds });
  const added: number[] = [];
  await call("function");
  await call("gateway");
  for (let pair = 0; pair < pairs; pair += 1) {
    const [direct, gateway] = [await call("function"), await call("gateway")];
    added.push(gateway.p99Ms - direct.p99Ms);
    options.say(JSON.stringify({ echo: { direct, gateway } }));
  }
  const of = { perSecond: ECHO_PER_SECOND };
  const figure = { bench: "unary.echo-p99-added", of, value: median(added), unit: "ms" };
  reporter.tell({ ...figure, target: below(3, "ms") });
}

/** One run of the tool. Throws if a call failed. */
async function run(
  { tool, grid, gateway, functions }: Subjects,
  to: "direct" | "gateway" | "function",
  flags: Readonly<Record<string, string | number | boolean>>,
): Promise<Run> {
  const [direct = ""] = await grid.addresses();
  const address = { direct, gateway: gateway.address, function: `127.0.0.1:${functions.port}` }[to];
  const all = { address, class: COLLECTION, connections: CONNECTIONS, ...flags };
  const argv = Object.entries(all).map(([name, is]) => `--${name}=${is}`);
  const cpu = (): number => grid.cpuSeconds() + cpuSeconds(gateway.pid);
  const before = cpu();
  const { stdout } = await check(hostRunner, [tool, ...argv]);
  // JSON without a type; our own program writes it.
  const told = JSON.parse(stdout) as Told;
  if (told.failed > 0) throw new Error(`${told.failed} calls failed, such as: ${told.firstError}`);
  return {
    perSecond: told.operations / told.seconds,
    perCpuSecond: told.operations / (cpu() - before),
    p50Ms: told.p50Ms,
    p99Ms: told.p99Ms,
  };
}
