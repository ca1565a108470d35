// What must hold in a simulated grid at every moment, whatever happens to it: one leader per term,
// one command per place of a log and the same result of it everywhere, states that never differ. A
// broken promise is told once, with the place.
import type {
  Group,
  GroupCommand,
  GroupMachine,
  GroupOptions,
} from "#workloads/odgm/raft/group.ts";
import type { GroupId, MemberId } from "#workloads/core/raft/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

interface Applied {
  readonly digest: bigint;
  readonly by: MemberId;
}

/** See the top of the file. */
export class Watch {
  private readonly leaders = new Map<string, MemberId>();
  private readonly applied = new Map<string, Applied>();
  private readonly violation: (text: string) => void;
  /** Highest term that somebody led. */
  terms = 0;

  constructor(violation: (text: string) => void) {
    this.violation = violation;
  }

  /** A replica may have become leader. */
  changed(group: Group): void {
    const { self, role, term } = group.view();
    if (role !== "leader") return;
    const place = `${group.id}/${term}`;
    const known = this.leaders.get(place);
    if (known === undefined) {
      this.leaders.set(place, self);
      this.terms += 1;
    } else if (known !== self) {
      this.violation(
        `election safety: ${known} and ${self} lead group ${group.id} in term ${term}`,
      );
    }
  }

  /** The machine of a replica, and what it is fed with. */
  watched(member: MemberId, options: GroupOptions): GroupMachine {
    const { machine, group } = options;
    return {
      apply: (command, state) => {
        const result = machine.apply(command, state);
        this.compare(member, group, command, result);
        return result;
      },
      seal: () => machine.seal(),
      load: (state, sealed) => machine.load(state, sealed),
    };
  }

  private compare(
    member: MemberId,
    group: GroupId,
    command: GroupCommand,
    result: Uint8Array,
  ): void {
    const { index, position, term, timeMs, data } = command;
    const place = `${group}/${index}/${position}`;
    const head = Buffer.from(`${term} ${timeMs} ${data.byteLength} `);
    const digest = xxh3(Buffer.concat([head, data, result]));
    const known = this.applied.get(place);
    if (known === undefined) this.applied.set(place, { digest, by: member });
    else if (known.digest !== digest) {
      this.violation(`state machine safety: ${known.by} and ${member} differ at ${place}`);
    }
  }
}
