// The few things that an engine keeps on disk beside the cluster itself.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Small files that only this user may read. */
export interface StateFiles {
  /** Makes a folder and its parents. */
  makeFolder(path: string): void;
  /** Writes a file, and its folder if need be. */
  write(path: string, text: string): void;
  /** Removes a folder with all that is in it; fine if it is not there. */
  remove(path: string): void;
}

/** The file system of this machine. */
export const hostFiles: StateFiles = {
  makeFolder: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
  write: (path, text) => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
  },
  remove: (path) => rmSync(path, { recursive: true, force: true }),
};
