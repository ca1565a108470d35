// Whether new objects are taken. A target that is being deleted is closed first, so that the count
// of its objects is the last word: an object that came after it would be lost. The file `closed`
// says for whose end, so that a later run of the program refuses them too.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import {
  isNoSuchFile,
  replaceFile,
  syncDirectory,
  toFilesError,
} from "#workloads/platform/files/index.ts";

const CLOSED = "closed";

/** The intake of one disk. Changes happen one after the other, in the order of the calls. */
export class Intake {
  readonly #dataDir: string;
  #closedFor: string | undefined;
  #isClosing = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(dataDir: string, closedFor: string | undefined) {
    this.#dataDir = dataDir;
    this.#closedFor = closedFor;
  }

  /** As the last run left it. Throws FilesError. */
  static async load(dataDir: string): Promise<Intake> {
    const path = join(dataDir, CLOSED);
    try {
      return new Intake(dataDir, (await readFile(path, "utf8")).trim());
    } catch (cause: unknown) {
      if (isNoSuchFile(cause)) return new Intake(dataDir, undefined);
      throw toFilesError(`read ${path}`, cause);
    }
  }

  /** True from the moment at which nothing new is taken, durably so or not yet. */
  get isClosed(): boolean {
    return this.#isClosing || this.#closedFor !== undefined;
  }

  /** For whose end nothing is taken, once that is durable; undefined if new objects are taken. */
  get closedFor(): string | undefined {
    return this.#closedFor;
  }

  /** Refuses new objects from now on; durable once it resolves. Rejects with FilesError. */
  close(holder: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closedFor === holder) return;
      this.#isClosing = true;
      try {
        await replaceFile(join(this.#dataDir, CLOSED), Buffer.from(`${holder}\n`));
        this.#closedFor = holder;
      } finally {
        this.#isClosing = false;
      }
    });
  }

  /**
   * Takes new objects again, unless it is closed for somebody else: then false. So an order that
   * was on its way for long opens nothing that was closed since. Rejects with FilesError.
   */
  open(holder: string): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#closedFor === undefined) return true;
      if (this.#closedFor !== holder) return false;
      const path = join(this.#dataDir, CLOSED);
      try {
        await rm(path, { force: true });
      } catch (cause: unknown) {
        throw toFilesError(`remove ${path}`, cause);
      }
      await syncDirectory(this.#dataDir);
      this.#closedFor = undefined;
      return true;
    });
  }

  /** Resolves once every change that was begun has ended. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => undefined); // Whoever asked for the change has its error.
    return done;
  }
}
