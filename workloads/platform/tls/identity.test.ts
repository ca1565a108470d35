import { describe, expect, it } from "@jest/globals";

import { uriNames } from "./identity.ts";

const own = "spiffe://c/ns/q/odgm/counter";

describe("names of a peer", () => {
  it.each([
    { name: "nothing", given: undefined, want: [] },
    { name: "one URI", given: `URI:${own}`, want: [own] },
    { name: "among others", given: `DNS:a.b, URI:${own}, IP Address:127.0.0.1`, want: [own] },
    {
      name: "a name that hides in another's quotes",
      given: `DNS:"x, URI:${own}", URI:spiffe://other`,
      want: ["spiffe://other"],
    },
    { name: "a quoted URI", given: 'URI:"spiffe://a,b"', want: ["spiffe://a,b"] },
    { name: "text that is no list", given: `"URI:${own}`, want: [] },
  ])("of $name", ({ given, want }) => {
    expect(uriNames(given)).toEqual(want);
  });
});
