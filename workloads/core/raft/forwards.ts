// Proposals of a follower on their way to the leader. Each has exactly one outcome: the leader's
// answer, or "unknown" when the leader or the term changes or no answer comes. Nothing is sent
// twice; the leader recognises what the network repeats by the id.
import type { RequestId } from "./effects.ts";
import type { ForwardedProposal } from "./messages.ts";

/** Changed in place by its group alone. */
export class ForwardQueue {
  private unsent: ForwardedProposal[] = [];
  /** Id to the ticks it has waited for; in order of ids. */
  private readonly sent = new Map<RequestId, number>();

  get count(): number {
    return this.unsent.length + this.sent.size;
  }

  get hasUnsent(): boolean {
    return this.unsent.length > 0;
  }

  add(proposal: ForwardedProposal): void {
    this.unsent.push(proposal);
  }

  /** What goes to the leader now, in messages of at most `bytesMax`, one proposal at least. */
  take(bytesMax: number): readonly (readonly ForwardedProposal[])[] {
    const messages: ForwardedProposal[][] = [];
    let bytes = 0;
    for (const proposal of this.unsent) {
      this.sent.set(proposal.id, 0);
      bytes += proposal.data.byteLength;
      const current = messages.at(-1);
      if (current !== undefined && bytes <= bytesMax) {
        current.push(proposal);
      } else {
        messages.push([proposal]);
        bytes = proposal.data.byteLength;
      }
    }
    this.unsent = [];
    return messages;
  }

  /** Every id below has its outcome. */
  settledBelow(): number {
    for (const id of this.sent.keys()) return id;
    return this.unsent[0]?.id ?? 0;
  }

  /** The leader answered; false if nobody waits for it. */
  settle(id: RequestId): boolean {
    return this.sent.delete(id);
  }

  /** A tick; what has waited for `ticksMax`. */
  tick(ticksMax: number): readonly RequestId[] {
    const lost: RequestId[] = [];
    for (const [id, ticks] of this.sent) {
      if (ticks + 1 >= ticksMax) lost.push(id);
      else this.sent.set(id, ticks + 1);
    }
    for (const id of lost) this.sent.delete(id);
    return lost;
  }

  /** The leader is another: `unknown` may have happened, `unsent` did not. */
  abort(): { readonly unknown: readonly RequestId[]; readonly unsent: readonly RequestId[] } {
    const unknown = [...this.sent.keys()];
    const unsent = this.unsent.map((proposal) => proposal.id);
    this.sent.clear();
    this.unsent = [];
    return { unknown, unsent };
  }
}
