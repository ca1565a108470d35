import { describe, expect, it } from "@jest/globals";

import { utf8Encode } from "#api/base/index.ts";

import { childName, labelValue, sha256Hex } from "./index.ts";

describe("sha256", () => {
  // NIST CAVP and FIPS 180-4 examples.
  it.each([
    {
      name: "empty",
      given: "",
      want: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    },
    {
      name: "one block",
      given: "abc",
      want: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
    {
      name: "two blocks",
      given: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      want: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    },
    {
      name: "896 bits",
      given:
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      want: "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    },
    {
      name: "a million letters a",
      given: "a".repeat(1_000_000),
      want: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    },
  ])("$name", ({ given, want }) => {
    expect(sha256Hex(utf8Encode(given))).toBe(want);
  });
});

describe("childName", () => {
  const identity = {
    childKind: "Deployment",
    namespace: "shop",
    parentKind: "ClassRuntime",
    parentName: "quickstart-counter",
    childKey: "echo",
  };

  it("is readable, and stable over releases", () => {
    expect(childName(identity)).toBe("quickstart-counter-echo-613c7a45");
  });

  it("differs in every part of the identity, also where the joined text is the same", () => {
    const variants = [
      identity,
      { ...identity, childKind: "Service" },
      { ...identity, namespace: "shop2" },
      { ...identity, parentKind: "OPackage" },
      { ...identity, parentName: "quickstart-counter-echo", childKey: "" },
      { ...identity, childKey: "Echo" },
    ];
    expect(new Set(variants.map(childName)).size).toBe(variants.length);
  });

  it.each([
    { childKind: "StatefulSet", max: 52 },
    { childKind: "Service", max: 63 },
  ])("fits a $childKind into $max characters", ({ childKind, max }) => {
    const name = childName({ ...identity, childKind, parentName: "p".repeat(253) });
    expect(name.length).toBe(max);
    expect(name).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])$/);
  });

  it.each(["9lives", "...", "Ä", "a--", "UPPER.Case_Name"])("makes a DNS label of %s", (text) => {
    expect(childName({ ...identity, parentName: text, childKey: "" })).toMatch(
      /^[a-z]([-a-z0-9]*[a-z0-9])$/,
    );
  });
});

describe("labelValue", () => {
  it("keeps what is a label value", () => {
    expect(labelValue("example.Record")).toBe("example.Record");
    expect(labelValue("")).toBe("");
  });

  it("shortens what is not, without collisions", () => {
    const long = "c".repeat(80);
    expect(labelValue(long)).toHaveLength(63);
    expect(labelValue(long)).not.toBe(labelValue(`${long}c`));
    expect(labelValue("a/b")).toMatch(/^a-b-[0-9a-f]{8}$/);
    expect(labelValue("-")).toMatch(/^[0-9a-f]{8}$/);
  });
});
