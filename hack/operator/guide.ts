// A guide as a program: its files and its commands, read from the markdown that people read.

/** One fenced block. */
export interface Block {
  readonly language: string;
  /** What stands after the language: a file's name, or how the block is run. */
  readonly info: string;
  readonly text: string;
  /** Heading of the section it stands in. */
  readonly section: string;
  /** Line of the fence in the guide, counted from 1. */
  readonly line: number;
}

/** All fenced blocks, in order. Throws if a fence is not closed. */
export function readBlocks(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let section = "";
  let open: { language: string; info: string; line: number; lines: string[] } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const fence = /^```(\S*) ?(.*)$/.exec(text);
    if (open === undefined) {
      if (text.startsWith("#")) section = text.replace(/^#+ /, "");
      if (fence === null) continue;
      const [, language = "", info = ""] = fence;
      open = { language, info, line: index + 1, lines: [] };
    } else if (fence === null) {
      open.lines.push(text);
    } else {
      const { language, info, line, lines } = open;
      blocks.push({ language, info, line, section, text: `${lines.join("\n")}\n` });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`the block of line ${open.line} is not closed`);
  return blocks;
}

/** Commands of a block, and what the guide says they print, if it says so. */
export interface Step {
  readonly block: Block;
  readonly prints: string | undefined;
}

/** Shell blocks in order; a `text` block says what the shell block before it prints. */
export function stepsOf(blocks: readonly Block[]): readonly Step[] {
  return blocks.flatMap((block, index) => {
    if (block.language !== "sh") return [];
    const next = blocks[index + 1];
    return [{ block, prints: next?.language === "text" ? next.text : undefined }];
  });
}

/** Files of the guide by name. Throws if one is there twice. */
export function filesOf(blocks: readonly Block[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { language, info, text } of blocks) {
    if (language === "sh" || language === "text") continue;
    if (files.has(info)) throw new Error(`${info} is in the guide twice`);
    files.set(info, text);
  }
  return files;
}

/** What is printed, without what differs each time: widths of columns and ages. */
export function normalized(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .trimEnd()
        .replaceAll(/ {2,}/g, "  ")
        .replace(/\b\d+s$/, "<age>"),
    )
    .join("\n");
}
