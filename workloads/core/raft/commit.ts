// Moving the commit index, and what happens the moment an entry is committed: the configuration and
// the feature level change. Both take effect at commit and not at apply, so that they never lag
// behind what a majority has decided.
import { assert } from "#api/base/index.ts";

import type { GroupCore } from "./core.ts";
import { decodeConfigChange, decodeLevel } from "./entry-data.ts";
import { changeConfiguration, isVoter, membersOf } from "./membership.ts";
import { quorumValue } from "./quorum.ts";
import { bestSuccessor, flush, flushAll, maybeAutoLeave, sendTimeoutNow } from "./replicate.ts";
import type { Configuration, Entry, LogIndex } from "./types.ts";

/** Everything up to `index` is committed; lower values change nothing. */
export function commitTo(core: GroupCore, index: LogIndex): void {
  if (index <= core.log.committed) return;
  assert(index <= core.log.last, `commit ${index} is beyond the log's end: entries were lost`);
  core.log.committed = index;
  for (;;) {
    const entry = core.pendingSpecial[0];
    if (entry === undefined || entry.index > index) return;
    core.pendingSpecial.shift();
    core.tellsCommit = true;
    if (entry.kind === "config") commitConfig(core, entry);
    else commitLevel(core, entry);
  }
}

/**
 * Leader: commits what a majority holds, if it ends in an entry of this term (figure 8 of the Raft
 * paper). A committed change of members may complete another majority, so it goes on while it can.
 * The leader may have stepped down afterwards.
 */
export function maybeCommit(core: GroupCore): boolean {
  let moved = false;
  while (core.role === "leader") {
    const index = Math.min(
      quorumValue(core.config, (member) => core.progress.get(member)?.match ?? 0),
      core.log.last,
    );
    if (index <= core.log.committed || core.log.term(index) !== core.term) break;
    commitTo(core, index);
    moved = true;
    stepDownIfRemoved(core);
  }
  if (!moved) return false;
  // Who is being probed has nothing on its way that would tell it.
  for (const progress of core.progress.values()) {
    if (progress.state === "probe") progress.mustSend = true;
  }
  maybeAutoLeave(core);
  return true;
}

function commitConfig(core: GroupCore, entry: Entry): void {
  const change = decodeConfigChange(entry.data);
  assert(change !== undefined, `the change of members at ${entry.index} cannot be read`);
  const result = changeConfiguration(core.config, change);
  // The leader checked it against this very configuration; all members decide alike in any case.
  if (result.kind === "rejected") return;
  tellRemoved(core, result.config);
  core.switchConfig(entry.index, result.config);
  const { transferee } = core;
  if (transferee !== undefined && !isVoter(core.config, transferee)) core.transferee = undefined;
}

/** Members that have no part in the next configuration hear the commit that removes them. */
function tellRemoved(core: GroupCore, next: Configuration): void {
  if (core.role !== "leader") return;
  const members = membersOf(next);
  for (const progress of core.progress.values()) {
    if (!members.includes(progress.member)) flush(core, progress);
  }
}

function commitLevel(core: GroupCore, entry: Entry): void {
  const level = decodeLevel(entry.data);
  assert(level !== undefined, `the feature level at ${entry.index} cannot be read`);
  if (level <= core.level) return;
  core.level = level;
  core.history.push({ index: entry.index, config: core.config, level });
  core.trace({ kind: "level", index: entry.index, level });
  if (level > core.settings.supports) core.halted = "level";
}

/** A leader without a vote tells everybody what is committed, names a successor and goes. */
function stepDownIfRemoved(core: GroupCore): void {
  if (isVoter(core.config, core.self)) return;
  flushAll(core);
  const successor = bestSuccessor(core);
  if (successor !== undefined) sendTimeoutNow(core, successor);
  core.becomeFollower(core.term, undefined);
  core.trace({ kind: "stepped-down", reason: "removed" });
}
