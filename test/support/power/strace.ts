// The text of `strace -ff -ttt -T -y -xx` as values. One file per thread, so no call is split over
// two lines; every string is hex, so no quoting has to be understood.

/** One system call that ended. Times are seconds since the epoch. */
export interface TracedCall {
  readonly name: string;
  /** As printed, split at the top level. */
  readonly args: readonly string[];
  /** Return value; -1 on failure. */
  readonly result: number;
  /** The kernel did not do it: strace made up the result. */
  readonly injected: boolean;
  /** Path of a returned descriptor. */
  readonly resultPath?: string;
  readonly start: number;
  readonly end: number;
}

const linePattern =
  /^(\d+\.\d+) (\w+)\((.*)\) = (-?\d+|\?)(?:<([^>]*)>)?(?: [^<]*?)?(\(INJECTED\))?(?: \(flags [^)]*\))?(?: <(\d+\.\d+)>)?$/s;

/** The call on this line; undefined for lines that are not a finished call (exits, signals). */
export function parseLine(line: string): TracedCall | undefined {
  const match = linePattern.exec(line);
  if (match === null) return undefined;
  const [, time = "", name = "", args = "", result = "", path, injected, took] = match;
  const start = Number(time);
  const call = {
    name,
    args: splitArgs(args),
    result: Number(result),
    injected: injected !== undefined || line.includes("(INJECTED)"),
    start,
    end: start + Number(took ?? 0),
  };
  return path === undefined ? call : { ...call, resultPath: decodeText(path) };
}

/** Splits at commas outside of brackets, braces and strings. */
function splitArgs(text: string): readonly string[] {
  const args: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      // Strings hold nothing but \xNN: the closing quote is the next one.
      at = text.indexOf('"', at + 1);
      quoted = at === -1;
      if (quoted) throw new Error("a string without an end in the trace");
    } else if (char === "[" || char === "{" || char === "<") depth += 1;
    else if (char === "]" || char === "}" || char === ">") depth -= 1;
    else if (char === "," && depth === 0) {
      args.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === "" ? args : [...args, last];
}

/** Bytes of a string of `\xNN`, with or without quotes. Throws if strace cut it short. */
export function decodeBytes(text: string): Buffer {
  if (text.endsWith("...")) throw new Error("the trace was cut short; raise strace -s");
  return Buffer.from(text.replaceAll(/["]|\\x/g, ""), "hex");
}

/** As {@link decodeBytes}, for text. */
export function decodeText(text: string): string {
  return text.includes("\\x") ? decodeBytes(text).toString() : text.replaceAll('"', "");
}

/** Descriptor number and path of `12<\x2f...>`. */
export function decodeFd(text: string): { readonly fd: number; readonly path: string } {
  const match = /^(-?\d+|AT_FDCWD)(?:<(.*)>)?(\(deleted\))?$/s.exec(text);
  if (match === null) throw new Error(`not a descriptor in the trace: ${text.slice(0, 80)}`);
  const path = decodeText(match[2] ?? "");
  return { fd: Number(match[1]), path: match[3] === undefined ? path : `${path} (deleted)` };
}

/** Concatenated bytes of `[{iov_base="\x..", iov_len=1}, ...]`. */
export function decodeVector(text: string): Buffer {
  const parts = [...text.matchAll(/iov_base=("[^"]*"(?:\.\.\.)?)/g)];
  return Buffer.concat(parts.map(([, base = ""]) => decodeBytes(base)));
}
