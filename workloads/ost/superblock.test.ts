import { describe, expect, it } from "@jest/globals";

import { decodeSuperblock, encodeSuperblock } from "./superblock.ts";

const superblock = { formatVersion: 1, cluster: "c", target: "t", incarnation: "i" };
const text = encodeSuperblock(superblock).toString();

describe("superblock", () => {
  it("comes back", () => {
    expect(decodeSuperblock(text, "/d")).toEqual(superblock);
  });

  it.each([
    { name: "cut short", given: text.slice(0, 30), want: "DamagedSuperblock" },
    { name: "not JSON", given: "hello", want: "DamagedSuperblock" },
    { name: "changed", given: text.replace('"t"', '"u"'), want: "DamagedSuperblock" },
    {
      name: "of a newer program, whatever its checksum",
      given: text.replace('"formatVersion": 1', '"formatVersion": 9'),
      want: "NewerFormat",
    },
  ])("is refused when $name", ({ given, want }) => {
    expect(() => decodeSuperblock(given, "/d")).toThrow(`${want}: `);
  });
});
