// routes.json: the table at start, and again whenever its text changes. A mounted ConfigMap is
// replaced by a symbolic link, so the text is compared instead of watching an inode. A file that is
// missing or malformed changes nothing.
import { readFile } from "node:fs/promises";

import type { JsonValue } from "@bufbuild/protobuf";
import { fromJson } from "@bufbuild/protobuf";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { ClsRouting } from "#api/gen/oprc-route_pb.ts";
import { ClsRoutingTableSchema } from "#api/gen/oprc-route_pb.ts";

import type { RouteTable } from "./table.ts";

const POLL_MS = 2000;

/** The classes of a routes.json (proto3-JSON of oprc.ClsRoutingTable). Throws if it is none. */
export function parseRoutes(text: string): readonly ClsRouting[] {
  // JSON.parse answers exactly the JSON values.
  const json = JSON.parse(text) as JsonValue;
  return fromJson(ClsRoutingTableSchema, json, { ignoreUnknownFields: true }).clss;
}

/** Keeps a table in step with a file. */
export class FileSource {
  readonly #path: string;
  readonly #table: RouteTable;
  readonly #log: Logger;
  #text: string | undefined;
  #complaint: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, table: RouteTable, log: Logger) {
    this.#path = path;
    this.#table = table;
    this.#log = log;
  }

  /** Reads the file once, then goes on looking at it. */
  async start(): Promise<void> {
    await this.read();
    this.#timer = setInterval(() => void this.read(), POLL_MS);
    this.#timer.unref();
  }

  /** Ends the looking. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the file now. Trouble is logged when it is new, never thrown. */
  async read(): Promise<void> {
    try {
      const text = await readFile(this.#path, "utf8");
      if (text === this.#text) return;
      const entries = parseRoutes(text);
      this.#text = text;
      this.#complaint = undefined;
      this.#table.loadFile(entries);
      this.#log.info("routes were read", { path: this.#path, classes: entries.length });
    } catch (cause: unknown) {
      const complaint = errorMessage(cause);
      if (complaint === this.#complaint) return;
      this.#complaint = complaint;
      this.#log.warn("routes were not read", { path: this.#path, error: complaint });
    }
  }
}
