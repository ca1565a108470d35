// An etcd cluster of three members on loopback, and the load of etcd's own client (go/etcd) on it.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

import { ensureBinaries } from "#hack/cluster/build/binaries.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";
import { cpuSeconds } from "#test/bench/operator/proc.ts";
import { scratch } from "#test/conformance/odgm/odgm-process.ts";
import { waitUntil } from "#test/support/wait.ts";

import { buildGoProgram } from "./go-program.ts";

const REQUEST_MS = 1_000;

/** What one run of the Go client prints. */
export interface EtcdLoad {
  readonly operations: number;
  readonly seconds: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface EtcdMember {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  readonly dataDir: string;
  process: ChildProcess;
}

/** Three members, as etcd is by default: every write on the disks of two before it is answered. */
export class EtcdSubject {
  readonly #program: string;
  readonly #client: string;
  readonly #members: EtcdMember[] = [];
  #initial = "";

  private constructor(program: string, client: string) {
    this.#program = program;
    this.#client = client;
  }

  static async start(say: (line: string) => void): Promise<EtcdSubject> {
    const program = (await ensureBinaries(hostRunner, say, ["etcd"])).path("etcd");
    const subject = new EtcdSubject(program, await buildGoProgram("etcd", say));
    const ports = await freePorts(6);
    const places = ["m0", "m1", "m2"].map((name, at) => ({
      name,
      client: `127.0.0.1:${ports[2 * at] ?? 0}`,
      peer: `127.0.0.1:${ports[2 * at + 1] ?? 0}`,
      dataDir: scratch(),
    }));
    subject.#initial = places.map(({ name, peer }) => `${name}=http://${peer}`).join(",");
    for (const place of places) {
      subject.#members.push({ ...place, process: subject.#spawn(place) });
    }
    await subject.leader();
    return subject;
  }

  /** The leader's client address; waits until every member that runs agrees on one. */
  async leader(): Promise<string> {
    return waitUntil(
      async () => {
        const alive = this.#members.filter(isAlive);
        const answers = await Promise.all(alive.map(({ client }) => statusOf(client)));
        const [first] = answers;
        if (first === undefined || first.leader === "0") return undefined;
        if (answers.some(({ leader }) => leader !== first.leader)) return undefined;
        return alive.find((_, at) => answers[at]?.member === first.leader)?.client;
      },
      { what: "etcd to have a leader", deadlineMs: 60_000, intervalMs: 20 },
    );
  }

  cpuSeconds(): number {
    return this.#members.reduce((sum, { process }) => sum + cpuSeconds(process.pid ?? 0), 0);
  }

  /** Writes of uniformly chosen keys in closed loop, at the leader. */
  async writes(options: {
    readonly keys: number;
    readonly valueBytes: number;
    readonly concurrency: number;
    readonly connections: number;
    readonly seconds: number;
  }): Promise<EtcdLoad> {
    const { keys, valueBytes, concurrency, connections, seconds } = options;
    const flags = {
      endpoints: await this.leader(),
      keys,
      size: valueBytes,
      concurrency,
      connections,
    };
    const argv = Object.entries({ ...flags, seconds }).map(([name, is]) => `--${name}=${is}`);
    const { stdout } = await check(hostRunner, [this.#client, ...argv]);
    return JSON.parse(stdout) as EtcdLoad;
  }

  /** Writes one after the other at whoever takes them; `onAcknowledged` gets milliseconds. */
  probe(onAcknowledged: (atMs: number) => void): { stop(): Promise<void> } {
    const endpoints = this.#members.map(({ client }) => client).join(",");
    const argv = ["--mode=probe", `--endpoints=${endpoints}`];
    const child = spawn(this.#client, argv, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    createInterface({ input: child.stdout }).on("line", (line) => {
      onAcknowledged(Number(line) / 1000 - performance.timeOrigin);
    });
    return {
      stop: async () => {
        child.stdin.end();
        await ended;
      },
    };
  }

  /** Kills the leader; answers what starts it again and waits until it is back. */
  async killLeader(): Promise<() => Promise<void>> {
    const address = await this.leader();
    const member = this.#members.find(({ client }) => client === address);
    if (member === undefined) throw new Error(`no member at ${address}`);
    await end(member.process);
    return async () => {
      member.process = this.#spawn(member);
      await this.leader();
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.filter(isAlive).map(({ process }) => end(process)));
  }

  #spawn(place: Omit<EtcdMember, "process">): ChildProcess {
    const { name, client, peer, dataDir } = place;
    const flags = {
      name,
      "data-dir": dataDir,
      "listen-client-urls": `http://${client}`,
      "advertise-client-urls": `http://${client}`,
      "listen-peer-urls": `http://${peer}`,
      "initial-advertise-peer-urls": `http://${peer}`,
      "initial-cluster": this.#initial,
      "log-level": "fatal",
    };
    const argv = Object.entries(flags).map(([flag, is]) => `--${flag}=${is}`);
    const child = spawn(this.#program, argv, { stdio: ["ignore", "ignore", "inherit"] });
    process.once("exit", () => void child.kill("SIGKILL"));
    return child;
  }
}

function isAlive({ process: { exitCode, signalCode } }: EtcdMember): boolean {
  return exitCode === null && signalCode === null;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await ended;
}

/** Ids as the JSON gateway writes them. Throws while the member does not answer. */
async function statusOf(
  client: string,
): Promise<{ readonly leader: string; readonly member: string }> {
  const response = await fetch(`http://${client}/v3/maintenance/status`, {
    method: "POST",
    body: "{}",
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  const status = (await response.json()) as {
    readonly leader?: string;
    readonly header?: { readonly member_id?: string };
  };
  return { leader: status.leader ?? "0", member: status.header?.member_id ?? "" };
}

/** Ports that are free, all different: they are held until all are known. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", () => resolve());
      });
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
  await Promise.all(closed);
  return ports;
}
