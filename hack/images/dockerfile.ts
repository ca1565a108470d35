// The Dockerfile of an image folder is its declaration: ports, environment, labels, arguments. The
// builder does what FROM, COPY and RUN stand for by itself (one shared base, one bundle), so these
// are skipped; what would make another image than promised (another user, another program) is
// refused. Source of the instruction syntax: the Dockerfile reference, exec forms only.
import { ImageError } from "./model.ts";

/** What the Dockerfile says about the running image. */
export interface ImageDeclaration {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  /** `8080/tcp`, sorted. */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The program that every image starts. */
export const ENTRYPOINT = ["/node", "/app/main.mjs"] as const;
/** uid and gid that every image runs as; `nonroot` in its /etc/passwd. */
export const IMAGE_USER = "65532:65532";

const SKIPPED = new Set(["FROM", "COPY", "ADD", "RUN", "ARG", "WORKDIR", "SHELL"]);

/** The declaration in the last stage. Throws IMAGE_DOCKERFILE naming `where` and the line. */
export function parseDockerfile(text: string, where: string): ImageDeclaration {
  let state = emptyDeclaration();
  for (const { keyword, rest, line } of instructionsOf(text)) {
    if (keyword === "FROM") state = emptyDeclaration();
    else if (!SKIPPED.has(keyword)) applyInstruction(state, keyword, rest, `${where}:${line}`);
  }
  return { ...state, exposedPorts: [...state.exposedPorts].sort() };
}

interface MutableDeclaration {
  entrypoint: readonly string[];
  cmd: readonly string[];
  env: string[];
  exposedPorts: string[];
  labels: Record<string, string>;
}

function emptyDeclaration(): MutableDeclaration {
  return { entrypoint: ENTRYPOINT, cmd: [], env: [], exposedPorts: [], labels: {} };
}

function applyInstruction(
  state: MutableDeclaration,
  keyword: string,
  rest: string,
  at: string,
): void {
  switch (keyword) {
    case "USER":
      if (rest !== IMAGE_USER && rest !== "65532") {
        throw new ImageError("IMAGE_DOCKERFILE", `${at}: USER must be ${IMAGE_USER}, not ${rest}`);
      }
      return;
    case "ENTRYPOINT":
      state.entrypoint = parseEntrypoint(rest, at);
      return;
    case "CMD":
      state.cmd = parseExecForm(rest, at);
      return;
    case "EXPOSE":
      for (const port of rest.split(/\s+/)) state.exposedPorts.push(parsePort(port, at));
      return;
    case "ENV":
      for (const [name, value] of parsePairs(rest, at)) state.env.push(`${name}=${value}`);
      return;
    case "LABEL":
      for (const [name, value] of parsePairs(rest, at)) state.labels[name] = value;
      return;
    default:
      throw new ImageError("IMAGE_DOCKERFILE", `${at}: ${keyword} has no meaning in these images`);
  }
}

function parseEntrypoint(rest: string, at: string): readonly string[] {
  const words = parseExecForm(rest, at);
  if (words[0] === ENTRYPOINT[0] && words.includes(ENTRYPOINT[1])) return words;
  throw new ImageError(
    "IMAGE_DOCKERFILE",
    `${at}: ENTRYPOINT must start ${ENTRYPOINT[0]} with ${ENTRYPOINT[1]}`,
  );
}

function parseExecForm(rest: string, at: string): readonly string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(rest);
  } catch (cause) {
    throw new ImageError(
      "IMAGE_DOCKERFILE",
      `${at}: want the exec form ["a", "b"]: there is no shell in these images`,
      cause,
    );
  }
  if (Array.isArray(parsed) && parsed.every((word) => typeof word === "string")) return parsed;
  throw new ImageError("IMAGE_DOCKERFILE", `${at}: want a list of strings`);
}

function parsePort(port: string, at: string): string {
  const match = /^(\d+)(?:\/(tcp|udp))?$/.exec(port);
  if (match === null) throw new ImageError("IMAGE_DOCKERFILE", `${at}: bad port ${port}`);
  return `${match[1] ?? ""}/${match[2] ?? "tcp"}`;
}

/** `A=1 B="two words"`. */
function parsePairs(rest: string, at: string): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  let left = rest;
  while (left !== "") {
    const match = /^([\w.\-/]+)=(?:"([^"\\]*)"|([^\s"]*))(?:\s+|$)/.exec(left);
    if (match === null) {
      throw new ImageError("IMAGE_DOCKERFILE", `${at}: want NAME=value or NAME="value"`);
    }
    pairs.push([match[1] ?? "", match[2] ?? match[3] ?? ""]);
    left = left.slice(match[0].length);
  }
  return pairs;
}

interface Instruction {
  readonly keyword: string;
  readonly rest: string;
  readonly line: number;
}

function instructionsOf(text: string): readonly Instruction[] {
  const instructions: Instruction[] = [];
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index += 1) {
    const first = index + 1;
    let line = (lines[index] ?? "").trim();
    while (line.endsWith("\\") && index + 1 < lines.length) {
      index += 1;
      line = `${line.slice(0, -1).trim()} ${(lines[index] ?? "").trim()}`;
    }
    if (line === "" || line.startsWith("#")) continue;
    const [keyword = "", ...words] = line.split(/\s+/);
    instructions.push({
      keyword: keyword.toUpperCase(),
      rest: line.slice(keyword.length).trim(),
      line: first,
    });
    if (words.length === 0) {
      throw new ImageError("IMAGE_DOCKERFILE", `line ${first}: ${keyword} without a value`);
    }
  }
  return instructions;
}
