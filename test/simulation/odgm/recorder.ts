// What a run says while it runs: lines that make its digest, and counts of what was injected.
import { createHash } from "node:crypto";

/** Keeps the last lines, or all. */
export class Recorder {
  private readonly hash = createHash("sha256");
  private readonly keepsAll: boolean;
  private kept: string[] = [];
  readonly faults: Record<string, number> = {};
  writes = 0;

  constructor(options: { readonly keepsAll: boolean }) {
    this.keepsAll = options.keepsAll;
  }

  line(text: string): void {
    this.hash.update(text).update("\n");
    this.kept.push(text);
    if (!this.keepsAll && this.kept.length > 2 * LINES_MAX) this.kept = this.kept.slice(-LINES_MAX);
  }

  fault(name: string): void {
    this.faults[name] = (this.faults[name] ?? 0) + 1;
  }

  get lines(): readonly string[] {
    return this.keepsAll ? this.kept : this.kept.slice(-LINES_MAX);
  }

  /** Of everything said; the recorder ends with it. */
  digest(): string {
    return this.hash.digest("hex").slice(0, DIGEST_CHARACTERS);
  }
}

const LINES_MAX = 40;
const DIGEST_CHARACTERS = 16;
