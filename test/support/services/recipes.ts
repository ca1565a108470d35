// How each service is started and recognised as ready, as a program and as a container.
import { ETCD_VERSION } from "#hack/cluster/versions.ts";

import type { ServiceName } from "./model.ts";

/** Where a started program listens and keeps its data. */
export interface Seat {
  /** Address to listen on: loopback for a program, all within a container. */
  readonly host: string;
  /** As many as `portCount` says; the first is the service's own. */
  readonly ports: readonly number[];
  /** An empty folder of its own. */
  readonly folder: string;
}

/** One service. */
export interface ServiceRecipe {
  /** Versions of the three sources are kept together here, and etcd's with the cluster's. */
  readonly image: string;
  readonly containerPorts: readonly number[];
  readonly containerCommand: readonly string[];
  readonly portCount: number;
  /** Arguments of the program. `configPath` holds the text of `config`, if there is one. */
  readonly programArguments: (seat: Seat, configPath: string) => readonly string[];
  readonly config: string;
  /** Answers 200 over HTTP when the service is ready; absent: it is ready when it accepts. */
  readonly readyPath?: string;
  readonly urlOf: (host: string, port: number) => string;
}

/** Crate version of the Zenoh router; the image carries the same. */
export const ZENOH_VERSION = "1.10.2";

function httpUrl(host: string, port: number): string {
  return `http://${host}:${port}`;
}

function etcdArguments({ host, ports, folder }: Seat): readonly string[] {
  const [client = 0, peer = 0] = ports;
  return [
    "--name=test",
    `--data-dir=${folder}/data`,
    `--listen-client-urls=http://${host}:${client}`,
    `--advertise-client-urls=http://${host}:${client}`,
    `--listen-peer-urls=http://${host}:${peer}`,
    `--initial-advertise-peer-urls=http://${host}:${peer}`,
    `--initial-cluster=test=http://${host}:${peer}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

/** Every service. */
export const RECIPES: Readonly<Record<ServiceName, ServiceRecipe>> = {
  etcd: {
    image: `quay.io/coreos/etcd:${ETCD_VERSION}`,
    containerPorts: [2379],
    containerCommand: [
      "etcd",
      ...etcdArguments({ host: "0.0.0.0", ports: [2379, 2380], folder: "/tmp" }),
    ],
    portCount: 2,
    programArguments: etcdArguments,
    config: "",
    readyPath: "/readyz",
    urlOf: httpUrl,
  },
  prometheus: {
    image: "prom/prometheus:v2.53.5",
    containerPorts: [9090],
    containerCommand: ["--config.file=/config.yaml", "--storage.tsdb.path=/tmp/data"],
    portCount: 1,
    programArguments: ({ host, ports, folder }, configPath) => [
      `--config.file=${configPath}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${host}:${ports[0] ?? 0}`,
      "--log.level=warn",
    ],
    config: "global: { scrape_interval: 1s }\nscrape_configs: []\n",
    readyPath: "/-/ready",
    urlOf: httpUrl,
  },
  zenoh: {
    image: `eclipse/zenoh:${ZENOH_VERSION}`,
    containerPorts: [7447],
    containerCommand: ["--listen", "tcp/0.0.0.0:7447", "--no-multicast-scouting"],
    portCount: 1,
    programArguments: ({ host, ports }) => [
      "--listen",
      `tcp/${host}:${ports[0] ?? 0}`,
      "--no-multicast-scouting",
    ],
    config: "",
    urlOf: (host, port) => `tcp/${host}:${port}`,
  },
};
