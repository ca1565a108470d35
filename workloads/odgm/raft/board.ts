// Who of the other members is there, for all groups at once: every one is spoken to at least every
// 250 ms, and one of whom nothing is heard for a second is down. What was not answered is a reason
// to ask at once; one who does not answer that either is down, so that the death of a leader's
// process costs no election timeout.
import type { MemberId } from "#workloads/core/raft/index.ts";

import type { DiskRoom, PeerNote } from "./frames.ts";

/** A member is spoken to at least this often ... */
const PING_MS = 250;
/** ... one that is down less often ... */
const PING_DOWN_MS = 500;
/** ... and is down when nothing was heard for so long ... */
const SILENCE_MS = 1_000;
/** A loop that stood still for longer has heard nobody. */
const GAP_MS = 100;
/** Bytes without an answer beyond which nothing more is sent. */
const UNANSWERED_BYTES_MAX = 8 << 20;

interface Peer {
  heardAtMs: number;
  spokenAtMs: number;
  /** Something that was said since it was heard last got no answer. */
  lostAtMs: number | undefined;
  /** So did something that was said after that. */
  isGone: boolean;
  isDown: boolean;
  note: PeerNote;
  unansweredBytes: number;
}

/** What {@link PeerBoard.look} found. */
export interface BoardNews {
  readonly down: readonly MemberId[];
  readonly toPing: readonly MemberId[];
}

/** See the top of the file. */
export class PeerBoard {
  private readonly peers = new Map<MemberId, Peer>();

  /** These and no others are of interest; new ones count as heard. */
  setPeers(members: ReadonlySet<MemberId>, nowMs: number): void {
    for (const member of this.peers.keys()) {
      if (!members.has(member)) this.peers.delete(member);
    }
    for (const member of members) {
      if (this.peers.has(member)) continue;
      this.peers.set(member, {
        heardAtMs: nowMs,
        spokenAtMs: nowMs - PING_MS,
        lostAtMs: undefined,
        isGone: false,
        isDown: false,
        note: { isResigned: false, disk: "room" },
        unansweredBytes: 0,
      });
    }
  }

  /** Something of it has arrived: whether it was down, and whether it says something new. */
  heard(
    member: MemberId,
    note: PeerNote,
    nowMs: number,
  ): { readonly wasDown: boolean; readonly isNews: boolean } {
    const peer = this.peers.get(member);
    if (peer === undefined) return { wasDown: false, isNews: false };
    const wasDown = peer.isDown;
    const isNews = peer.note.isResigned !== note.isResigned || peer.note.disk !== note.disk;
    peer.heardAtMs = nowMs;
    peer.lostAtMs = undefined;
    peer.isGone = false;
    peer.isDown = false;
    peer.note = note;
    return { wasDown, isNews };
  }

  /**
   * What was said then was not answered; true if it should be asked at once whether it is there.
   */
  lost(member: MemberId, saidAtMs: number, nowMs: number): boolean {
    const peer = this.peers.get(member);
    if (peer === undefined || peer.isDown || saidAtMs < peer.heardAtMs) return false;
    if (peer.lostAtMs === undefined) {
      peer.lostAtMs = nowMs;
      return true;
    }
    if (saidAtMs >= peer.lostAtMs) peer.isGone = true;
    return false;
  }

  /** So many bytes go to it, or have been answered (negative). */
  spoke(member: MemberId, bytes: number, nowMs: number): void {
    const peer = this.peers.get(member);
    if (peer === undefined) return;
    if (bytes > 0) peer.spokenAtMs = nowMs;
    peer.unansweredBytes += bytes;
  }

  /** True if more may be sent to it; of who is not on the board nothing speaks against it. */
  mayTake(member: MemberId): boolean {
    const peer = this.peers.get(member);
    return peer === undefined || (!peer.isDown && peer.unansweredBytes < UNANSWERED_BYTES_MAX);
  }

  isDown(member: MemberId): boolean {
    return this.peers.get(member)?.isDown ?? true;
  }

  isResigned(member: MemberId): boolean {
    return this.peers.get(member)?.note.isResigned ?? false;
  }

  diskOf(member: MemberId): DiskRoom {
    return this.peers.get(member)?.note.disk ?? "room";
  }

  /** True if anybody's disk is full. */
  get isAnyFull(): boolean {
    for (const { note } of this.peers.values()) if (note.disk !== "room") return true;
    return false;
  }

  /** Bytes that were sent and not answered. */
  get unansweredBytes(): number {
    let bytes = 0;
    for (const peer of this.peers.values()) bytes += peer.unansweredBytes;
    return bytes;
  }

  /**
   * To be called on every tick. A loop that stood still has heard nobody, so its gap is no sign.
   */
  look(nowMs: number, gapMs: number): BoardNews {
    const down: MemberId[] = [];
    const toPing: MemberId[] = [];
    for (const [member, peer] of this.peers) {
      if (gapMs > GAP_MS) peer.heardAtMs += gapMs;
      if (!peer.isDown && (peer.isGone || nowMs - peer.heardAtMs >= SILENCE_MS)) {
        peer.isDown = true;
        down.push(member);
      }
      const dueMs = peer.isDown ? PING_DOWN_MS : PING_MS;
      if (nowMs - peer.spokenAtMs >= dueMs) {
        peer.spokenAtMs = nowMs;
        toPing.push(member);
      }
    }
    return { down, toPing };
  }
}
