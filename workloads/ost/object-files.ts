// The folder of object files: a file there has its final name only once its header and length are
// durable, so that a damaged header is damage and not an interrupted ALLOCATE.
import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import { parseObjectId } from "#workloads/core/ost/index.ts";
import { toFilesError } from "#workloads/platform/files/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import { decodeHeader, encodeHeader, fileBytes, HEADER_BYTES } from "./layout.ts";

const TEMPORARY = ".tmp";

/** An object file found at start; `sizeBytes` is missing if its header is damaged. */
export interface FoundObject {
  readonly id: ObjectId;
  readonly sizeBytes?: number;
}

/** All objects in the folder, and removal of what interrupted ALLOCATEs left. */
export async function* readObjectFiles(
  folder: string,
  logger: Logger,
): AsyncGenerator<FoundObject> {
  for (const name of await readdir(folder)) {
    const id = parseObjectId(name);
    if (id === name) {
      yield await readObjectFile(folder, id, logger);
    } else if (name.endsWith(TEMPORARY)) {
      await rm(join(folder, name), { force: true });
    } else {
      logger.warn("not an object file", { name });
    }
  }
}

async function readObjectFile(folder: string, id: ObjectId, logger: Logger): Promise<FoundObject> {
  const header = Buffer.alloc(HEADER_BYTES);
  try {
    const file = await open(join(folder, id), "r");
    try {
      await file.read(header, 0, HEADER_BYTES, 0);
    } finally {
      await file.close();
    }
  } catch (cause: unknown) {
    // One bad sector costs one object, not the target.
    logger.error("object header cannot be read", { id, error: errorMessage(cause) });
    return { id };
  }
  const sizeBytes = decodeHeader(header, id, xxh3);
  return sizeBytes === undefined ? { id } : { id, sizeBytes };
}

/** Makes a sparse file of zeros. Its name is durable after the folder is synced. */
export async function createObjectFile(
  folder: string,
  object: { readonly id: ObjectId; readonly sizeBytes: number },
): Promise<void> {
  const path = join(folder, object.id);
  try {
    const file = await open(`${path}${TEMPORARY}`, "wx", 0o600);
    try {
      await file.write(encodeHeader(object, xxh3), 0, HEADER_BYTES, 0);
      await file.truncate(fileBytes(object.sizeBytes));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}${TEMPORARY}`, path);
  } catch (cause: unknown) {
    throw toFilesError(`allocate object ${object.id}`, cause);
  }
}

/** Removes an object's file, and what an interrupted ALLOCATE of it left, if there. */
export async function removeObjectFile(folder: string, id: ObjectId): Promise<void> {
  try {
    await rm(join(folder, id), { force: true });
    await rm(join(folder, `${id}${TEMPORARY}`), { force: true });
  } catch (cause: unknown) {
    throw toFilesError(`release object ${id}`, cause);
  }
}
