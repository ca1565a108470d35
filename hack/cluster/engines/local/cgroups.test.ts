// Which cgroup hierarchies a host has.
import { expect, test } from "@jest/globals";
import { parseCgroupMounts } from "./cgroups.ts";

const V1 = `tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
`;
const HYBRID = `${V1}cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n`;

for (const { name, mounts, want } of [
  {
    name: "version 1",
    mounts: V1,
    want: {
      version: 1,
      roots: ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"],
      others: [],
    },
  },
  {
    name: "hybrid counts as version 1, and the unified folders are cleaned too",
    mounts: HYBRID,
    want: {
      version: 1,
      roots: ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"],
      others: ["/sys/fs/cgroup/unified"],
    },
  },
  {
    name: "version 2",
    mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n",
    want: { version: 2, roots: ["/sys/fs/cgroup"], others: [] },
  },
]) {
  test(name, () => expect(parseCgroupMounts(mounts)).toEqual(want));
}

test("a host without cgroups is told what to do", () => {
  expect(() => parseCgroupMounts("proc /proc proc rw 0 0\n")).toThrow("--engine kind");
});
