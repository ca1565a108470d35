// What the kernel knows about a process: CPU time, memory, descriptors. Linux.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** USER_HZ of /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of all threads since the start, user and kernel. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything, so fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory in MB (10^6 bytes): now, and at most since the start. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return (Number(kib) * 1024) / 1e6;
  };
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/** Open descriptors, and how many of them are sockets. */
export function descriptors(pid: number): { readonly all: number; readonly sockets: number } {
  const folder = `/proc/${pid}/fd`;
  const targets = readdirSync(folder).map((name) => targetOf(`${folder}/${name}`));
  const open = targets.filter((target) => target !== undefined);
  return {
    all: open.length,
    sockets: open.filter((target) => target.startsWith("socket:")).length,
  };
}

/** Undefined for one that was closed since the folder was read. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}
