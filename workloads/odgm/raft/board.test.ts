// Who counts as there: one case per rule.
import { expect, it } from "@jest/globals";

import type { MemberId } from "#workloads/core/raft/index.ts";

import { PeerBoard } from "./board.ts";

const PEER = "peer" as MemberId;
const NOTE = { isResigned: false, disk: "room" } as const;

function board(): PeerBoard {
  const made = new PeerBoard();
  made.setPeers(new Set([PEER]), 0);
  return made;
}

it("every member is asked at least every 250 ms, and one that is down every 500 ms", () => {
  const seen = board();
  const asked: number[] = [];
  for (let atMs = 0; atMs <= 3_000; atMs += 50) {
    if (seen.look(atMs, 0).toPing.includes(PEER)) asked.push(atMs);
  }
  expect(asked).toEqual([0, 250, 500, 750, 1_250, 1_750, 2_250, 2_750]);
});

it("one of whom nothing is heard for a second is down, until something is", () => {
  const seen = board();
  expect(seen.look(999, 0).down).toEqual([]);
  expect(seen.look(1_000, 0).down).toEqual([PEER]);
  expect(seen.look(1_050, 0).down).toEqual([]);
  expect(seen.isDown(PEER) && !seen.mayTake(PEER)).toBe(true);
  expect(seen.heard(PEER, NOTE, 1_060)).toEqual({ wasDown: true, isNews: false });
  expect(seen.isDown(PEER)).toBe(false);
});

it("a loop that stood still has heard nobody, which says nothing", () => {
  const seen = board();
  expect(seen.look(5_000, 4_950).down).toEqual([]);
  expect(seen.look(6_000, 0).down).toEqual([PEER]);
});

it("one who does not answer twice in a row is down at once; once is a reason to ask", () => {
  const seen = board();
  seen.heard(PEER, NOTE, 100);
  expect(seen.lost(PEER, 120, 130)).toBe(true);
  expect(seen.look(140, 0).down).toEqual([]);
  // Said before it was known that something is wrong: that says no more.
  expect(seen.lost(PEER, 125, 141)).toBe(false);
  expect(seen.look(150, 0).down).toEqual([]);
  expect(seen.lost(PEER, 131, 151)).toBe(false);
  expect(seen.look(160, 0).down).toEqual([PEER]);
});

it("what was said before a member was heard last says nothing", () => {
  const seen = board();
  seen.heard(PEER, NOTE, 1_000);
  expect(seen.lost(PEER, 999, 1_100)).toBe(false);
  seen.heard(PEER, NOTE, 1_200);
  expect(seen.lost(PEER, 1_201, 1_300)).toBe(true);
  seen.heard(PEER, NOTE, 1_310);
  expect(seen.lost(PEER, 1_302, 1_320)).toBe(false);
  expect(seen.look(1_330, 0).down).toEqual([]);
});

it("a member that takes nothing is sent nothing more", () => {
  const seen = board();
  seen.spoke(PEER, 9 << 20, 0);
  expect(seen.mayTake(PEER)).toBe(false);
  expect(seen.unansweredBytes).toBe(9 << 20);
  seen.spoke(PEER, -(9 << 20), 1);
  expect(seen.mayTake(PEER)).toBe(true);
});

it("that it has resigned is news once, and who is not on the board may be spoken to", () => {
  const seen = board();
  expect(seen.heard(PEER, { ...NOTE, isResigned: true }, 1).isNews).toBe(true);
  expect(seen.heard(PEER, { ...NOTE, isResigned: true }, 2).isNews).toBe(false);
  expect(seen.isResigned(PEER)).toBe(true);
  expect(seen.mayTake("stranger" as MemberId)).toBe(true);
});
