// What a process did to the files below one folder, in order, and from when on each change was
// durable. The rules are those of POSIX and Linux, read strictly: a write is durable once an fsync
// or fdatasync of that file which began after it has ended, or at once on an O_SYNC or O_DSYNC
// descriptor; a name is durable once its folder was fsynced after it was made.
import { dirname, join, relative } from "node:path";

import type { TracedCall } from "./strace.ts";
import { decodeBytes, decodeFd, decodeText, decodeVector } from "./strace.ts";

/** A file, whatever it is called; those that were there at the start have their path as `origin`. */
export interface Inode {
  readonly number: number;
  /** Relative path in the base image; absent for files made during the recording. */
  readonly origin?: string;
  readonly folder: boolean;
}

interface Timed {
  /** Seconds since the epoch. */
  readonly start: number;
  readonly end: number;
  /** When the change can no longer be lost; infinite if never. */
  durableAt: number;
}

/** A change of a file's content. */
export type DataChange = Timed & { readonly inode: Inode } & (
    | { readonly kind: "write"; readonly position: number; readonly data: Buffer }
    | { readonly kind: "truncate"; readonly length: number }
    | { readonly kind: "punch"; readonly position: number; readonly length: number }
  );

/** A change of a folder's content. */
export type NameChange = Timed & {
  /** Folders whose fsync makes it durable, relative. */
  readonly parents: readonly string[];
} & (
    | { readonly kind: "link"; readonly path: string; readonly inode: Inode }
    | { readonly kind: "unlink"; readonly path: string }
    | { readonly kind: "rename"; readonly from: string; readonly to: string }
  );

/** All changes, each list in the order in which they began. */
export interface Journal {
  readonly data: readonly DataChange[];
  readonly names: readonly NameChange[];
  /** Names at the start. */
  readonly base: ReadonlyMap<string, Inode>;
}

/** Which folder, and what was in it. */
export interface JournalOptions {
  readonly root: string;
  /** Files and folders that were there at the start, relative. */
  readonly basePaths: readonly { readonly path: string; readonly folder: boolean }[];
  /** Files that need not be right after a crash, such as lock files. */
  readonly ignore: (path: string) => boolean;
}

/** Reads the calls, sorted by start. Throws on a change that it does not understand. */
export function readJournal(calls: readonly TracedCall[], options: JournalOptions): Journal {
  const reader = new JournalReader(options);
  for (const call of calls) reader.take(call);
  return reader.finish();
}

const KEEP_SIZE = "FALLOC_FL_KEEP_SIZE";
const PUNCH = "FALLOC_FL_PUNCH_HOLE";

/** Position and flags of an open file, by descriptor and path. */
interface OpenFile {
  position: number;
  readonly sync: boolean;
  readonly append: boolean;
}

class JournalReader {
  readonly #options: JournalOptions;
  readonly #base = new Map<string, Inode>();
  readonly #paths = new Map<string, Inode>();
  readonly #open = new Map<string, OpenFile>();
  readonly #sizes = new Map<Inode, number>();
  readonly #data: DataChange[] = [];
  readonly #names: NameChange[] = [];
  readonly #syncs: { readonly path: string; readonly inode: Inode; readonly call: TracedCall }[] =
    [];
  #nextInode = 1;

  constructor(options: JournalOptions) {
    this.#options = options;
    for (const { path, folder } of options.basePaths) {
      this.#base.set(path, { number: this.#nextInode++, origin: path, folder });
    }
    for (const [path, inode] of this.#base) this.#paths.set(path, inode);
  }

  take(call: TracedCall): void {
    if (!(call.result >= 0) || call.injected) return;
    const handler = handlers[call.name];
    if (handler !== undefined) this[handler](call);
  }

  /** Syncs are matched at the end, when every change is known. */
  finish(): Journal {
    for (const { inode, path, call } of this.#syncs) {
      for (const change of this.#data) {
        if (change.inode === inode && change.end <= call.start) settle(change, call.end);
      }
      if (!inode.folder || call.name === "fdatasync") continue;
      for (const change of this.#names) {
        if (change.parents.includes(path) && change.end <= call.start) settle(change, call.end);
      }
    }
    // A rename over two folders needs both; the journal keeps the order of names, so that what
    // came before a durable one is durable too.
    let latest = Number.POSITIVE_INFINITY;
    for (const change of this.#names.toReversed()) {
      latest = Math.min(latest, change.durableAt);
      change.durableAt = latest;
    }
    return { data: this.#data, names: this.#names, base: this.#base };
  }

  /** Path relative to the root, or undefined if it is elsewhere. */
  inside(path: string): string | undefined {
    const { root, ignore } = this.#options;
    if (path !== root && !path.startsWith(`${root}/`)) return undefined;
    const short = relative(root, path);
    return ignore(short) ? undefined : short;
  }

  openat(call: TracedCall): void {
    const [at = "", name = "", flags = ""] = call.args;
    this.#opened(call, join(decodeFd(at).path, "/"), decodeText(name), flags);
  }

  open(call: TracedCall): void {
    const [name = "", flags = ""] = call.args;
    this.#opened(call, "/", decodeText(name), flags);
  }

  #opened(call: TracedCall, folder: string, name: string, flags: string): void {
    const full = call.resultPath ?? (name.startsWith("/") ? name : join(folder, name));
    const path = this.inside(full);
    if (path === undefined) return;
    const has = (flag: string) => flags.split("|").includes(flag);
    this.#open.set(`${String(call.result)}:${path}`, {
      position: 0,
      sync: has("O_SYNC") || has("O_DSYNC"),
      append: has("O_APPEND"),
    });
    const known = this.#paths.get(path);
    if (known === undefined && has("O_CREAT")) this.#link(call, path, false);
    else if (known !== undefined && has("O_TRUNC")) this.#truncated(call, known, 0);
  }

  #link(call: TracedCall, path: string, folder: boolean): void {
    const inode: Inode = { number: this.#nextInode++, folder };
    this.#paths.set(path, inode);
    this.#sizes.set(inode, 0);
    this.#names.push({ kind: "link", path, inode, ...pending(call), parents: [parentOf(path)] });
  }

  mkdir(call: TracedCall): void {
    const path = this.inside(decodeText(call.args[0] ?? ""));
    if (path !== undefined) this.#link(call, path, true);
  }

  rename(call: TracedCall): void {
    this.#renamed(call, decodeText(call.args[0] ?? ""), decodeText(call.args[1] ?? ""));
  }

  renameat(call: TracedCall): void {
    const [fromAt = "", from = "", toAt = "", to = ""] = call.args;
    const absolute = (at: string, name: string) => {
      const text = decodeText(name);
      return text.startsWith("/") ? text : join(decodeFd(at).path, text);
    };
    this.#renamed(call, absolute(fromAt, from), absolute(toAt, to));
  }

  #renamed(call: TracedCall, fromFull: string, toFull: string): void {
    const from = this.inside(fromFull);
    const to = this.inside(toFull);
    if (from === undefined || to === undefined) return;
    const inode = this.#paths.get(from);
    if (inode === undefined) throw new Error(`the trace renames ${from}, which it never made`);
    this.#paths.delete(from);
    this.#paths.set(to, inode);
    const parents = [parentOf(from), parentOf(to)];
    this.#names.push({ kind: "rename", from, to, ...pending(call), parents });
  }

  unlink(call: TracedCall): void {
    this.#unlinked(call, decodeText(call.args[0] ?? ""));
  }

  unlinkat(call: TracedCall): void {
    const [at = "", name = ""] = call.args;
    const text = decodeText(name);
    this.#unlinked(call, text.startsWith("/") ? text : join(decodeFd(at).path, text));
  }

  #unlinked(call: TracedCall, full: string): void {
    const path = this.inside(full);
    if (path === undefined) return;
    this.#paths.delete(path);
    this.#names.push({ kind: "unlink", path, ...pending(call), parents: [parentOf(path)] });
  }

  lseek(call: TracedCall): void {
    const file = this.#file(call);
    if (file !== undefined) file.open.position = call.result;
  }

  write(call: TracedCall): void {
    this.#appendLike(call, decodeBytes(call.args[1] ?? ""));
  }

  writev(call: TracedCall): void {
    this.#appendLike(call, decodeVector(call.args[1] ?? ""));
  }

  #appendLike(call: TracedCall, data: Buffer): void {
    const file = this.#file(call);
    if (file === undefined) return;
    const { open, inode } = file;
    const position = open.append ? (this.#sizes.get(inode) ?? 0) : open.position;
    open.position = position + call.result;
    this.#wrote(call, { inode, position, data, sync: open.sync });
  }

  pwrite64(call: TracedCall): void {
    this.#positioned(call, decodeBytes(call.args[1] ?? ""));
  }

  pwritev(call: TracedCall): void {
    this.#positioned(call, decodeVector(call.args[1] ?? ""));
  }

  #positioned(call: TracedCall, data: Buffer): void {
    const file = this.#file(call);
    if (file === undefined) return;
    const position = Number(call.args[3] ?? 0);
    this.#wrote(call, { inode: file.inode, position, data, sync: file.open.sync });
  }

  #wrote(
    call: TracedCall,
    what: {
      readonly inode: Inode;
      readonly position: number;
      readonly data: Buffer;
      readonly sync: boolean;
    },
  ): void {
    const { inode, position, sync } = what;
    const data = what.data.subarray(0, call.result);
    const durableAt = sync ? call.end : Number.POSITIVE_INFINITY;
    this.#data.push({ kind: "write", inode, position, data, ...pending(call), durableAt });
    this.#sizes.set(inode, Math.max(this.#sizes.get(inode) ?? 0, position + data.byteLength));
  }

  ftruncate(call: TracedCall): void {
    const file = this.#file(call);
    if (file !== undefined) this.#truncated(call, file.inode, Number(call.args[1]));
  }

  #truncated(call: TracedCall, inode: Inode, length: number): void {
    this.#data.push({ kind: "truncate", inode, length, ...pending(call) });
    this.#sizes.set(inode, length);
  }

  fallocate(call: TracedCall): void {
    const file = this.#file(call);
    if (file === undefined) return;
    const [, mode = "", offset = "", count = ""] = call.args;
    const position = Number(offset);
    const length = Number(count);
    const { inode } = file;
    if (mode.includes(PUNCH)) {
      this.#data.push({ kind: "punch", inode, position, length, ...pending(call) });
    } else if (mode === "0") {
      const size = Math.max(this.#sizes.get(inode) ?? 0, position + length);
      if (size > (this.#sizes.get(inode) ?? 0)) this.#truncated(call, inode, size);
    } else if (mode !== KEEP_SIZE) throw new Error(`the recorder does not know fallocate ${mode}`);
  }

  sync(call: TracedCall): void {
    const { path: full } = decodeFd(call.args[0] ?? "");
    const path = this.inside(full);
    if (path === undefined) return;
    const inode = path === "" ? root : this.#paths.get(path);
    if (inode !== undefined) this.#syncs.push({ path, inode, call });
  }

  /** Changes through a writable shared mapping leave no trace. */
  mmap(call: TracedCall): void {
    const [, , protection = "", flags = "", fd = ""] = call.args;
    if (!protection.includes("PROT_WRITE") || !flags.includes("MAP_SHARED")) return;
    if (!fd.includes("<")) return;
    const path = this.inside(decodeFd(fd).path);
    if (path !== undefined)
      throw new Error(`${path} is written through a mapping; ignore or unmap it`);
  }

  #file(call: TracedCall): { readonly open: OpenFile; readonly inode: Inode } | undefined {
    const { fd, path: full } = decodeFd(call.args[0] ?? "");
    const path = this.inside(full);
    const inode = path === undefined ? undefined : this.#paths.get(path);
    if (path === undefined || inode === undefined) return undefined;
    const key = `${String(fd)}:${path}`;
    const open = this.#open.get(key) ?? { position: 0, sync: false, append: false };
    this.#open.set(key, open);
    return { open, inode };
  }
}

const root: Inode = { number: 0, origin: "", folder: true };

const handlers: Readonly<
  Record<string, Exclude<keyof JournalReader, "take" | "finish" | "inside">>
> = {
  open: "open",
  openat: "openat",
  mkdir: "mkdir",
  rename: "rename",
  renameat: "renameat",
  renameat2: "renameat",
  unlink: "unlink",
  rmdir: "unlink",
  unlinkat: "unlinkat",
  lseek: "lseek",
  write: "write",
  writev: "writev",
  pwrite64: "pwrite64",
  pwritev: "pwritev",
  pwritev2: "pwritev",
  ftruncate: "ftruncate",
  fallocate: "fallocate",
  fsync: "sync",
  fdatasync: "sync",
  mmap: "mmap",
};

/** The calls that the recorder asks strace for. */
export const tracedCalls: readonly string[] = Object.keys(handlers);

function pending(call: TracedCall): Timed {
  return { start: call.start, end: call.end, durableAt: Number.POSITIVE_INFINITY };
}

function settle(change: Timed, at: number): void {
  change.durableAt = Math.min(change.durableAt, at);
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === "." ? "" : parent;
}
