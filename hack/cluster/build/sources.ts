// The sources of the programs that a cluster needs and that no distribution carries in the wanted
// version. Each is a main package of a few lines over published Go modules; this file renders them
// and the go.mod beside it. Pure: the builder in binaries.ts writes and compiles them.
import { COREDNS_VERSION, ETCD_VERSION, KUBERNETES_VERSION } from "../versions.ts";

/** One Go program to build. */
export interface Recipe {
  /** Name of the binary and of its folder. */
  readonly name: "kube" | "etcd" | "coredns" | "pause";
  readonly version: string;
  /** Module whose go.mod decides the Go version and the replace lines; none for std-only mains. */
  readonly module?: string;
  readonly main: string;
  readonly ldflags: string;
  /** Further names under which the same binary is found (argv[0] chooses the program). */
  readonly links: readonly string[];
  /**
   * Whether `k8s.io/X => ./staging/...` lines of the module's go.mod become version replacements.
   */
  readonly staging: boolean;
  /** What to expect on two cores with cold caches, for the progress line. */
  readonly coldBuild: string;
}

/** Programs inside the one Kubernetes binary: name, app package, constructor call. */
const KUBE_PROGRAMS = [
  ["kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver/app", "NewAPIServerCommand()"],
  [
    "kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-controller-manager/app",
    "NewControllerManagerCommand()",
  ],
  ["kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler/app", "NewSchedulerCommand()"],
  ["kubelet", "k8s.io/kubernetes/cmd/kubelet/app", "NewKubeletCommand(context.Background())"],
  ["kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy/app", "NewProxyCommand()"],
] as const;

/** Everything a two-node cluster runs. */
export const RECIPES: readonly Recipe[] = [
  {
    name: "kube",
    version: KUBERNETES_VERSION,
    module: "k8s.io/kubernetes",
    main: renderKubeMain(),
    ldflags: renderKubeLdflags(KUBERNETES_VERSION),
    links: [...KUBE_PROGRAMS.map(([name]) => name), "kubectl"],
    staging: true,
    coldBuild: "about 8 minutes",
  },
  {
    name: "etcd",
    version: ETCD_VERSION,
    module: "go.etcd.io/etcd/server/v3",
    main: [
      "package main",
      "",
      "import (",
      '\t"os"',
      "",
      '\t"go.etcd.io/etcd/server/v3/etcdmain"',
      ")",
      "",
      "func main() { etcdmain.Main(os.Args) }",
      "",
    ].join("\n"),
    ldflags: "-s -w",
    links: [],
    staging: false,
    coldBuild: "about 30 seconds",
  },
  {
    name: "coredns",
    version: COREDNS_VERSION,
    module: "github.com/coredns/coredns",
    main: renderCorednsMain(),
    ldflags: "-s -w",
    links: [],
    staging: false,
    coldBuild: "about 1 minute",
  },
  {
    name: "pause",
    version: "v1",
    main: renderPauseMain(),
    ldflags: "-s -w",
    links: [],
    staging: false,
    coldBuild: "a few seconds",
  },
];

function renderKubeMain(): string {
  const alias = (name: string): string => name.replaceAll("-", "");
  const imports = KUBE_PROGRAMS.map(([name, path]) => `\t${alias(name)} "${path}"`);
  const cases = KUBE_PROGRAMS.map(
    ([name, , call]) => `\tcase "${name}":\n\t\tos.Exit(cli.Run(${alias(name)}.${call}))`,
  );
  return `package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata"

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
${imports.join("\n")}
)

func main() {
	name := filepath.Base(os.Args[0])
	if name == "kube" && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		name = os.Args[0]
	}
	switch name {
${cases.join("\n")}
	case "kubectl":
		logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: kube PROGRAM [FLAGS]")
		os.Exit(2)
	}
}
`;
}

function renderKubeLdflags(version: string): string {
  const [major = "", minor = ""] = version.replace(/^v/, "").split(".");
  const stamp = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  const flags = Object.entries(stamp).map(
    ([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`,
  );
  return ["-s -w", ...flags].join(" ");
}

function renderCorednsMain(): string {
  const plugins = ["bind", "errors", "ready", "kubernetes", "forward"];
  const imports = plugins.map((name) => `\t_ "github.com/coredns/coredns/plugin/${name}"`);
  const order = plugins.map((name) => `"${name}"`).join(", ");
  return `package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
${imports.sort().join("\n")}
)

func main() {
	dnsserver.Directives = []string{${order}}
	coremain.Run()
}
`;
}

/** The first process of every pod: holds the namespaces, reaps orphans, ends on SIGTERM. */
function renderPauseMain(): string {
  return `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
`;
}

/**
 * The go.mod of a recipe. `upstream` is the text of the required module's own go.mod: its \`go\`
 * line is taken over, and with \`staging\` every \`k8s.io/X => ./staging/...\` line becomes the
 * published module of the same release (v1.34.4 -> v0.34.4), because replacements of a dependency
 * do not count.
 */
export function renderGoMod(recipe: Recipe, upstream: string): string {
  const go = /^go (\S+)$/m.exec(upstream)?.[1] ?? "1.24.0";
  const lines = [`module oaas.local/${recipe.name}`, "", `go ${go}`];
  if (recipe.module === undefined) return `${lines.join("\n")}\n`;
  lines.push("", `require ${recipe.module} ${recipe.version}`);
  if (recipe.staging) {
    const published = recipe.version.replace(/^v1\./, "v0.");
    const names = [...upstream.matchAll(/^\s*(?:replace )?(k8s\.io\/\S+) => \.\/staging\//gm)].map(
      (match) => match[1] ?? "",
    );
    lines.push("", "replace (");
    for (const name of [...new Set(names)].sort()) {
      lines.push(`\t${name} => ${name} ${published}`);
    }
    lines.push(")");
  }
  return `${lines.join("\n")}\n`;
}
