// Long-running programs of a cluster. Each runs in its own session with a log file, and leaves a
// record {pid, start time}; a pid alone could belong to somebody else by now. A program whose
// record was never written (we died in between) is found by a mark in its environment.
import { spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ClusterError, tail } from "../../run.ts";
import { waitFor } from "../../wait.ts";

const MARK = "OAAS_CLUSTER_FOLDER";

/** What is known about a started program. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /**
   * Clock ticks after boot, field 22 of /proc/PID/stat: with the pid, a name that is never reused.
   */
  readonly startTime: string;
}

/** Where records and logs of one cluster go. */
export interface ProcessFolders {
  readonly folder: string;
  readonly logsFolder: string;
  readonly processesFolder: string;
}

/** One program to start. `name` is the log's and the record's name. */
export interface Daemon {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program that outlives this process. Throws if it cannot be started at all. */
export async function startDaemon(folders: ProcessFolders, daemon: Daemon): Promise<ProcessRecord> {
  mkdirSync(folders.logsFolder, { recursive: true });
  mkdirSync(folders.processesFolder, { recursive: true });
  const [command = "", ...args] = daemon.argv;
  const log = openSync(logPath(folders, daemon.name), "a");
  try {
    const child = spawn(command, args, {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log],
      env: { ...cleanEnv(), ...daemon.env, [MARK]: folders.folder },
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    const record = { name: daemon.name, pid, startTime: startTimeOf(pid) ?? "gone" };
    const path = join(folders.processesFolder, `${daemon.name}.json`);
    writeFileSync(`${path}.part`, `${JSON.stringify(record)}\n`);
    renameSync(`${path}.part`, path);
    return record;
  } catch (cause) {
    throw new ClusterError("CLUSTER_HOST", `cannot start ${daemon.name} (${command})`, cause);
  } finally {
    closeSync(log);
  }
}

/** The log file of a program. */
export function logPath(folders: ProcessFolders, name: string): string {
  return join(folders.logsFolder, `${name}.log`);
}

/** The last lines of a program's log with a heading, for error messages. */
export function logTail(folders: ProcessFolders, name: string, lines = 15): string {
  try {
    const text = readFileSync(logPath(folders, name), "utf8");
    return `--- ${logPath(folders, name)} (last lines)\n${tail(text, lines)}`;
  } catch {
    return `--- ${logPath(folders, name)} cannot be read`;
  }
}

/** Records of all programs that were started and not forgotten, alive or not. */
export function processRecords(folders: ProcessFolders): readonly ProcessRecord[] {
  let names: readonly string[];
  try {
    names = readdirSync(folders.processesFolder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .map((name) => readFileSync(join(folders.processesFolder, name), "utf8"))
    .map((text) => JSON.parse(text) as ProcessRecord);
}

/** Whether exactly this program still runs. */
export function isAlive(record: ProcessRecord): boolean {
  return startTimeOf(record.pid) === record.startTime;
}

/** Throws with the program's last words if it has ended; for use inside a wait. */
export function assertAlive(folders: ProcessFolders, record: ProcessRecord): void {
  if (isAlive(record)) return;
  throw new ClusterError("CLUSTER_STATE", `${record.name} ended\n${logTail(folders, record.name)}`);
}

/**
 * Kills the programs of these records and everything that carries the cluster's mark if `all`,
 * waits until they are gone, and forgets them. SIGKILL: nothing of a test cluster is worth a slow
 * goodbye.
 */
export async function endProcesses(
  folders: ProcessFolders,
  options: { readonly names: readonly string[] } | { readonly all: true },
): Promise<void> {
  const records = processRecords(folders).filter(
    (record) => "all" in options || options.names.includes(record.name),
  );
  const pids = new Map(records.filter(isAlive).map((record) => [record.pid, record.startTime]));
  if ("all" in options) for (const [pid, start] of markedProcesses(folders)) pids.set(pid, start);
  await killAll(pids);
  for (const record of records) {
    rmSync(join(folders.processesFolder, `${record.name}.json`), { force: true });
  }
}

/** Kills processes named by pid and start time and waits until the kernel has dropped them. */
export async function killAll(pids: ReadonlyMap<number, string>): Promise<void> {
  for (const [pid, start] of pids) {
    if (startTimeOf(pid) !== start) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
    }
  }
  await waitFor(
    async () => {
      const left = [...pids].filter(([pid, start]) => startTimeOf(pid) === start);
      if (left.length === 0) return { done: true, value: undefined };
      return { done: false, why: `still there: ${left.map(([pid]) => pid).join(" ")}` };
    },
    { what: "killed processes to be gone", deadlineMs: 20_000, intervalMs: 20 },
  );
}

/** Start time of a live process; nothing for a dead one or a zombie. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything, so fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function markedProcesses(folders: ProcessFolders): readonly (readonly [number, string])[] {
  const mark = `${MARK}=${folders.folder}`;
  const found: (readonly [number, string])[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const startTime = startTimeOf(pid);
    if (startTime !== undefined && environOf(pid).includes(mark)) found.push([pid, startTime]);
  }
  return found;
}

function environOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}

/**
 * What a daemon needs of our environment; npm's and the user's settings are none of its business.
 */
function cleanEnv(): Record<string, string> {
  const { PATH, HOME } = process.env;
  return { PATH: PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin", HOME: HOME ?? "/" };
}
