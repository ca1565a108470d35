// Proof that a disk is the one that we think it is. The lock is taken before anything is written,
// and the superblock is the last thing that formatting writes, so that a disk without one was never
// in use. Design 2 (OstTarget).
import { randomUUID } from "node:crypto";
import { closeSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { OstFormatPolicy, OstRefusal } from "#api/workload/ost.ts";
import { errorMessage } from "#api/base/index.ts";
import {
  lockExclusive,
  openOrCreate,
  replaceFile,
  syncDirectory,
} from "#workloads/platform/files/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { DiskRefusedError } from "./errors.ts";
import { writeBlankIntents } from "./intents.ts";
import { FORMAT_VERSION } from "./layout.ts";

/** Who this disk is. */
export interface Superblock {
  readonly formatVersion: number;
  readonly cluster: string;
  readonly target: string;
  /** UUID drawn at format. */
  readonly incarnation: string;
}

/** Which disk, and what it may and must be. */
export interface DiskRequest {
  readonly dataDir: string;
  readonly format: OstFormatPolicy;
  /** What the superblock must say; absent = anything, and drawn at format. */
  readonly cluster?: string;
  readonly target?: string;
}

/** A disk that is ours alone until `release`, or until the process ends. */
export interface OpenDisk {
  readonly superblock: Superblock;
  readonly dataDir: string;
  readonly formatted: boolean;
  release(): void;
}

const SUPERBLOCK = "superblock";
const LOCK = "lock";
/** Name of the write-intent table, see intents.ts. */
export const INTENTS = "intents";
/** Name of the folder of object files. */
export const OBJECTS = "objects";
/** What a blank file system has, and what an interrupted format leaves. */
const blankNames = new Set(["lost+found", LOCK, INTENTS, `${SUPERBLOCK}.tmp`, OBJECTS]);

function refuse(reason: OstRefusal, message: string, cause?: unknown): never {
  throw new DiskRefusedError(reason, `${reason}: ${message}`, cause);
}

/**
 * Locks the disk and checks or writes its superblock. Throws {@link DiskRefusedError}; a refused
 * disk is left exactly as it was.
 */
export async function openDisk(request: DiskRequest): Promise<OpenDisk> {
  const { dataDir } = request;
  try {
    if (request.format === "IfBlank") await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await refuseUnlessUsable(request);
    const fd = openOrCreate(join(dataDir, LOCK));
    if (!lockExclusive(fd)) {
      closeSync(fd);
      refuse("DiskInUse", `another process serves ${dataDir}`);
    }
    const found = await readSuperblock(dataDir);
    const superblock = found ?? (await format(request));
    checkIdentity(superblock, request);
    return {
      superblock,
      dataDir,
      formatted: found === undefined,
      release: () => {
        closeSync(fd);
      },
    };
  } catch (cause: unknown) {
    if (cause instanceof DiskRefusedError) throw cause;
    return refuse("DiskUnavailable", `${dataDir}: ${errorMessage(cause)}`, cause);
  }
}

async function refuseUnlessUsable(request: DiskRequest): Promise<void> {
  const { dataDir } = request;
  const names = await readdir(dataDir);
  if (names.includes(SUPERBLOCK)) {
    const found = await readSuperblock(dataDir);
    if (found !== undefined) checkIdentity(found, request);
    return;
  }
  const foreign = names.filter((name) => !blankNames.has(name));
  const objects = names.includes(OBJECTS) ? await readdir(join(dataDir, OBJECTS)) : [];
  if (foreign.length > 0 || objects.length > 0) {
    const what = foreign[0] ?? `${OBJECTS}/${objects[0] ?? ""}`;
    refuse("ForeignDisk", `${dataDir} has files (${what}) but no superblock; use an empty disk`);
  }
  if (request.format === "Never") {
    const who = request.target === undefined ? "" : ` of target ${request.target}`;
    refuse(
      "EmptyDisk",
      `${dataDir} is blank and --format was not given; was the disk${who} swapped?`,
    );
  }
}

function checkIdentity(found: Superblock, wanted: DiskRequest): void {
  for (const key of ["cluster", "target"] as const) {
    const want = wanted[key];
    if (want !== undefined && found[key] !== want) {
      refuse("WrongDisk", `${wanted.dataDir} is of ${key} ${found[key]}, not of ${want}`);
    }
  }
}

async function format(request: DiskRequest): Promise<Superblock> {
  const { dataDir } = request;
  const superblock: Superblock = {
    formatVersion: FORMAT_VERSION,
    cluster: request.cluster ?? "standalone",
    target: request.target ?? randomUUID(),
    incarnation: randomUUID(),
  };
  await mkdir(join(dataDir, OBJECTS), { recursive: true, mode: 0o700 });
  await writeBlankIntents(join(dataDir, INTENTS));
  await syncDirectory(dataDir);
  await replaceFile(join(dataDir, SUPERBLOCK), encodeSuperblock(superblock));
  return superblock;
}

/** JSON: the fields, and the XXH3 of their JSON text as hex. */
export function encodeSuperblock(superblock: Superblock): Buffer {
  const document = { rawstorOst: superblock, xxh3: digest(superblock) };
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

function digest(fields: unknown): string {
  return xxh3(Buffer.from(JSON.stringify(fields)))
    .toString(16)
    .padStart(16, "0");
}

async function readSuperblock(dataDir: string): Promise<Superblock | undefined> {
  const names = await readdir(dataDir);
  if (!names.includes(SUPERBLOCK)) return undefined;
  const text = await readFile(join(dataDir, SUPERBLOCK), "utf8");
  return decodeSuperblock(text, dataDir);
}

/** Throws {@link DiskRefusedError}. The version is judged first: a newer one may hash otherwise. */
export function decodeSuperblock(text: string, dataDir: string): Superblock {
  const document = parseJson(text);
  const fields = isRecord(document) ? document["rawstorOst"] : undefined;
  if (!isRecord(document) || !isRecord(fields)) {
    return refuse("DamagedSuperblock", `${dataDir}/${SUPERBLOCK} is not readable`);
  }
  const { formatVersion, cluster, target, incarnation } = fields;
  if (typeof formatVersion === "number" && formatVersion > FORMAT_VERSION) {
    const ours = String(FORMAT_VERSION);
    refuse(
      "NewerFormat",
      `${dataDir} has format ${String(formatVersion)}, this program knows ${ours}`,
    );
  }
  if (
    digest(fields) !== document["xxh3"] ||
    typeof formatVersion !== "number" ||
    typeof cluster !== "string" ||
    typeof target !== "string" ||
    typeof incarnation !== "string"
  ) {
    return refuse("DamagedSuperblock", `${dataDir}/${SUPERBLOCK} does not match its checksum`);
  }
  return { formatVersion, cluster, target, incarnation };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON is one of the ways to be damaged; the caller says so.
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
