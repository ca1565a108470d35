// What happened in a run: lines for people, and a hash over everything, which is equal for equal
// runs. The hash is no secret and costs little: two FNV-1a style sums over UTF-16 units.

/** See the head of this file. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #nowMs: () => number;
  readonly #everything: boolean;
  #low = 0x811c9dc5;
  #high = 0x2f0b4c47;

  /** `everything`: requests and changes are kept as lines too. */
  constructor(nowMs: () => number, everything = false) {
    this.#nowMs = nowMs;
    this.#everything = everything;
  }

  /** Lines in order, each with the seconds since the beginning. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Sixteen hexadecimal digits. */
  get digest(): string {
    const hex = (part: number): string => (part >>> 0).toString(16).padStart(8, "0");
    return `${hex(this.#high)}${hex(this.#low)}`;
  }

  /** Something that a reader wants to know. */
  note(what: string): void {
    this.#lines.push(`${(this.#nowMs() / 1_000).toFixed(3)} s  ${what}`);
    this.#add(what);
  }

  /** One of many; in the hash, and a line only if everything is asked for. */
  detail(what: string): void {
    const text = `${this.#nowMs()} ${what}`;
    if (this.#everything) this.#lines.push(`${(this.#nowMs() / 1_000).toFixed(3)} s    ${what}`);
    this.#add(text);
  }

  #add(text: string): void {
    let low = this.#low;
    let high = this.#high;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit, 0x01000197) + 0x9e3779b1;
    }
    this.#low = low;
    this.#high = high;
  }
}
