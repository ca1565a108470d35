// A state machine for tests: words under names, and how often each was set.
import { assert, utf8Decode, utf8Encode } from "#api/base/index.ts";
import { objectKey } from "#workloads/core/store/index.ts";

import type { GroupCommand, GroupMachine, GroupReader, GroupWriter } from "../group.ts";

/** "name=word" sets, "name=" removes; the answer is the number of commands so far. */
export class Words implements GroupMachine {
  count = 0;
  loads = 0;
  onApply: ((command: GroupCommand) => void) | undefined;

  apply(command: GroupCommand, state: GroupWriter): Uint8Array {
    const [name = "", word = ""] = textOf(command.data).split("=");
    this.count += 1;
    this.onApply?.(command);
    state.set(objectKey(state.number, name), word === "" ? undefined : utf8Encode(word));
    return utf8Encode(String(this.count));
  }

  seal(): Uint8Array {
    return utf8Encode(String(this.count));
  }

  load(_state: GroupReader, sealed: Uint8Array): void {
    this.loads += 1;
    this.count = Number(textOf(sealed));
  }
}

/** The word under a name. */
export function wordOf(state: GroupReader, name: string): string | undefined {
  const found = state.get(objectKey(state.number, name));
  return found === undefined ? undefined : textOf(found.value);
}

/** Bytes as the text that they are. */
export function textOf(bytes: Uint8Array): string {
  const text = utf8Decode(bytes);
  assert(text !== undefined, "it is UTF-8");
  return text;
}
