import { describe, expect, it } from "@jest/globals";

import { plainWords } from "./plain-words.ts";

describe("plainWords", () => {
  it.each([
    [
      "No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.7:8082. " +
        "Resolution note: ",
      "connect ECONNREFUSED 10.0.0.7:8082",
    ],
    [
      "No connection established. Last error: Error: certificate has expired. Resolution note: x",
      "certificate has expired",
    ],
    [
      "No connection established. Last error: null. Resolution note: ",
      "No connection established. Last error: null. Resolution note: ",
    ],
    ["read ECONNRESET", "read ECONNRESET"],
  ])("of %s", (details, words) => {
    expect(plainWords(details)).toBe(words);
  });
});
