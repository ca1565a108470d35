// Records what a process does to a folder, so that the folder can be rebuilt as a power loss would
// leave it. strace follows every thread; the folder is copied before the start.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { seededRng } from "#api/base/testing/seeded-rng.ts";

import type { LossMode } from "./images.ts";
import { buildImage } from "./images.ts";
import type { Journal } from "./journal.ts";
import { readJournal, tracedCalls } from "./journal.ts";
import type { TracedCall } from "./strace.ts";
import { parseLine } from "./strace.ts";

/** What to run, and which folder to watch. */
export interface RecordOptions {
  readonly command: readonly string[];
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Syncs that shall do nothing and say that they did: the test of the test. */
  readonly stub?: readonly ("fsync" | "fdatasync")[];
  /** Relative paths that need not be right after a crash, for example `data.mdb-lock`. */
  readonly ignore?: (path: string) => boolean;
}

/** A disk rebuilt as of one moment. */
export interface CrashImage {
  readonly folder: string;
  /** What had been acknowledged by then must be in the image. Milliseconds since the epoch. */
  readonly cutAtMs: number;
  readonly mode: LossMode;
  /** Says which image this is, for messages. */
  readonly name: string;
}

/** A process that runs under the recorder. */
export interface RunningRecording {
  /** strace itself; its stdio is the program's. */
  readonly child: ChildProcess;
  /** Process id of the program. */
  pid(): Promise<number>;
  /** Waits for the end of the program and reads the record. */
  finish(): Promise<Recording>;
}

/** Bytes of one write at most; longer ones are an error when the record is read. */
const STRING_BYTES_MAX = 1 << 24;

/** Starts the command; `child.stdout` and `child.stderr` are pipes. */
export async function startRecording(options: RecordOptions): Promise<RunningRecording> {
  const dataDir = await realpath(options.dataDir);
  const home = await mkdtemp(join(tmpdir(), "power-"));
  const baseDir = join(home, "base");
  await cp(dataDir, baseDir, { recursive: true, preserveTimestamps: true });
  const stub = options.stub ?? [];
  const traceDir = join(home, "trace");
  await mkdir(traceDir);
  const args = [
    ...["-f", "-ff", "--seccomp-bpf", "-qq", "-ttt", "-T", "-y", "-xx"],
    ...["-s", String(STRING_BYTES_MAX), "-o", join(traceDir, "t"), "-e", "signal=none"],
    ...["-e", `trace=${tracedCalls.join(",")}`],
    ...(stub.length === 0 ? [] : ["-e", `inject=${stub.join(",")}:retval=0`]),
    // libuv may use io_uring for files, which strace does not see.
    ...Object.entries({ ...options.env, UV_USE_IO_URING: "0" }).map(([k, v]) => `-E${k}=${v}`),
    ...options.command,
  ];
  const child = spawn("strace", args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new Error("strace is needed to record writes (package strace)", { cause }));
    });
    child.once("close", () => {
      resolve();
    });
  });
  ended.catch(() => undefined); // Reported by whoever waits for the end.
  return {
    child,
    pid: () => childOf(child.pid ?? 0),
    finish: async () => {
      await ended;
      const calls = await readTrace(traceDir);
      const basePaths = await listPaths(baseDir);
      const ignore = options.ignore ?? (() => false);
      const journal = readJournal(calls, { root: dataDir, basePaths, ignore });
      return new Recording({ home, baseDir, journal });
    },
  };
}

/** Runs a command to its end under the recorder. */
export async function recordRun(options: RecordOptions): Promise<Recording> {
  const running = await startRecording(options);
  running.child.stdout?.resume();
  running.child.stderr?.resume();
  return running.finish();
}

/** The only child of a process. */
async function childOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8");
  const child = Number(text.trim().split(" ")[0]);
  if (!(child > 0)) throw new Error("the recorded program is not running");
  return child;
}

async function readTrace(folder: string): Promise<readonly TracedCall[]> {
  const calls: TracedCall[] = [];
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), "latin1");
    for (const line of text.split("\n")) {
      const call = parseLine(line);
      if (call !== undefined) calls.push(call);
    }
  }
  return calls.sort((a, b) => a.start - b.start);
}

async function listPaths(
  folder: string,
): Promise<readonly { readonly path: string; readonly folder: boolean }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.map((entry) => ({
    path: relative(folder, join(entry.parentPath, entry.name)),
    folder: entry.isDirectory(),
  }));
}

/** A record that images can be made of. Remove it with `discard`. */
export class Recording {
  readonly #home: string;
  readonly #baseDir: string;
  /** What was recorded, for tests of their own making. */
  readonly journal: Journal;
  #imageCount = 0;

  constructor(from: {
    readonly home: string;
    readonly baseDir: string;
    readonly journal: Journal;
  }) {
    this.#home = from.home;
    this.#baseDir = from.baseDir;
    this.journal = from.journal;
  }

  /** The disk after a power loss at `cutAtMs`. The folder belongs to the recording. */
  async imageAt(cut: {
    readonly cutAtMs: number;
    readonly mode: LossMode;
    readonly seed: number;
  }): Promise<CrashImage> {
    this.#imageCount += 1;
    const folder = join(this.#home, `image-${String(this.#imageCount)}`);
    const random = seededRng(cut.seed).next;
    const at = cut.cutAtMs / 1000;
    await buildImage(this.journal, this.#baseDir, folder, { at, mode: cut.mode, random });
    const name = `seed ${String(cut.seed)}, cut at ${cut.cutAtMs.toFixed(3)} ms, ${cut.mode}`;
    return { folder, cutAtMs: cut.cutAtMs, mode: cut.mode, name };
  }

  /**
   * `count` images at random moments, each just before, in the middle of or just after a change or
   * sync; one after the other, each removed when the next is asked for.
   */
  async *crashImages(seed: number, count: number): AsyncGenerator<CrashImage> {
    const random = seededRng(seed).next;
    const { data, names } = this.journal;
    const moments = [...data, ...names]
      .flatMap(({ start, end, durableAt }) => [start, (start + end) / 2, end, durableAt])
      .filter((moment) => Number.isFinite(moment));
    for (let index = 0; index < count; index++) {
      const moment = moments[Math.floor(random() * moments.length)] ?? 0;
      const mode = modes[index % modes.length] ?? "any";
      const imageSeed = Math.floor(random() * 2 ** 31);
      const image = await this.imageAt({ cutAtMs: moment * 1000, mode, seed: imageSeed });
      yield image;
      await rm(image.folder, { recursive: true, force: true });
    }
  }

  /** Removes everything that the recording keeps. */
  async discard(): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }
}

const modes: readonly LossMode[] = ["all-lost", "any", "any", "any", "all-kept"];
