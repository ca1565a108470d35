// The grid that is measured: real members on loopback with mutual TLS between them, started from
// the bundle that the image has, and what the kernel knows about them.
import { rmSync } from "node:fs";
import { join } from "node:path";

import { build } from "esbuild";

import { RaftRole, ShardState } from "#api/gen/oaas-admin_pb.ts";
import { PROGRAM_OPTIONS } from "#hack/images/program.ts";
import { cpuSeconds, memoryMb } from "#test/bench/operator/proc.ts";
import type { MemberPod } from "#test/conformance/odgm/members.ts";
import { GATEWAY, Grid, options } from "#test/conformance/odgm/members.ts";
import { waitUntil } from "#test/support/wait.ts";

/** Kinds of shards. */
export type ShardType = "Basic" | "Mst" | "Raft";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Bundles of this run; native packages are found from there. */
const BUNDLES = join(ROOT, ".build", `bench-odgm-${process.pid}`);

/** Removes what {@link bundle} has made. */
export function removeBundles(): void {
  rmSync(BUNDLES, { recursive: true, force: true });
}

/** A workload's program as its image has it; the path of its main file. */
export async function bundle(workload: "odgm" | "gateway"): Promise<string> {
  const outdir = join(BUNDLES, workload);
  await build({
    ...PROGRAM_OPTIONS,
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, "workloads", workload, "main.ts")],
    outdir,
    logLevel: "error",
  });
  return join(outdir, "main.mjs");
}

/** One partition, its replicas on as many members. */
export class GridSubject {
  readonly #grid: Grid;
  readonly shard: ShardType;

  private constructor(grid: Grid, shard: ShardType) {
    this.#grid = grid;
    this.shard = shard;
  }

  /** Starts empty members that serve; `main` as {@link bundle} has made it. */
  static async start(main: string, shard: ShardType, replicas: number): Promise<GridSubject> {
    const grid = await Grid.make(main);
    for (let ordinal = 0; ordinal < replicas; ordinal += 1) await grid.start(ordinal);
    const incarnations = await grid.format();
    const members = grid.spec(1).members.map((member) => ({
      ...member,
      incarnation: incarnations[member.ordinal] ?? "",
    }));
    const partition = { partition: 0, members: members.map(({ id }) => id), founded: 1n };
    const founders = shard === "Raft" ? [...incarnations] : [];
    const spec = grid.spec(1, {
      members,
      shardType: shard,
      resolvedClassJson: JSON.stringify({ consistency: shard === "Mst" ? "None" : "Strong" }),
      partitions: [{ ...partition, founders }],
    });
    await grid.rollOut(0n, spec);
    const subject = new GridSubject(grid, shard);
    await subject.whenReady();
    return subject;
  }

  get members(): readonly MemberPod[] {
    return this.#grid.pods;
  }

  /** Every replica answers, and one leads if there is to be a leader. */
  async whenReady(): Promise<void> {
    const ready = async ({ admin }: MemberPod): Promise<boolean> =>
      (await admin.getStatus({}, options)).shards[0]?.state === ShardState.READY;
    const wait = { what: "every replica to serve", deadlineMs: 60_000, intervalMs: 20 };
    await waitUntil(async () => (await Promise.all(this.members.map(ready))).every(Boolean), wait);
    if (this.shard === "Raft") await this.leader();
  }

  /** The member that leads; waits until one does. */
  async leader(): Promise<MemberPod> {
    return waitUntil(
      async () => {
        for (const pod of this.members) {
          if (pod.odgm.child.exitCode !== null || pod.odgm.child.signalCode !== null) continue;
          const { shards } = await pod.admin.getStatus({}, options);
          if (shards[0]?.raft?.role === RaftRole.LEADER) return pod;
        }
        return undefined;
      },
      { what: "a leader", deadlineMs: 60_000, intervalMs: 20 },
    );
  }

  /**
   * Waits until the first member leads, who shall: it takes over seconds after all have started, and
   * calls at whoever led before would be forwarded from then on.
   */
  async whenSettled(): Promise<void> {
    const wait = { what: "the first member to lead", deadlineMs: 60_000, intervalMs: 100 };
    await waitUntil(async () => (await this.leader()).ordinal === 0, wait);
  }

  /** Where calls go: the leader of a Raft group, every replica of the others. */
  async addresses(): Promise<readonly string[]> {
    if (this.shard === "Raft") return [(await this.leader()).odgm.at("grpc")];
    return this.members.map(({ odgm }) => odgm.at("grpc"));
  }

  /** Where a gateway reaches the members, and the certificate that it needs. */
  get gatewayAccess(): { readonly links: readonly string[]; readonly tlsDir: string } {
    const members = this.#grid.spec(1).members;
    return {
      links: members.map(({ linkAddress }) => linkAddress),
      tlsDir: this.#grid.tlsDir(GATEWAY),
    };
  }

  /** CPU seconds of all members since they began. */
  cpuSeconds(): number {
    return this.members.reduce((sum, { odgm }) => sum + cpuSeconds(odgm.child.pid ?? 0), 0);
  }

  /** Resident memory of one member. */
  memoryMb(member: MemberPod): { readonly now: number; readonly peak: number } {
    return memoryMb(member.odgm.child.pid ?? 0);
  }

  async kill({ odgm }: MemberPod): Promise<void> {
    odgm.kill("SIGKILL");
    await odgm.ended;
  }

  /** SIGTERM; fails if it ends otherwise than in order. */
  async stop({ odgm }: MemberPod): Promise<void> {
    odgm.kill("SIGTERM");
    const { code, log } = await odgm.ended;
    if (code !== 0) throw new Error(`odgm ended with ${String(code)}:\n${log}`);
  }

  /** Starts it again, where the others expect it. */
  async restart(member: MemberPod): Promise<void> {
    const { ports } = member.odgm;
    const at = (name: string, port: number): readonly string[] => [name, `127.0.0.1:${port}`];
    await this.#grid.start(member.ordinal, [
      ...at("--listen", ports.grpc),
      ...at("--link-listen", ports.link),
      ...at("--admin-listen", ports.admin),
    ]);
  }

  /** Ends all of it; `clearAll` removes its folders at the end of the program. */
  async end(): Promise<void> {
    this.#grid.close();
    for (const { odgm } of this.members) odgm.kill("SIGKILL");
    await Promise.all(this.members.map(({ odgm }) => odgm.ended));
  }
}
