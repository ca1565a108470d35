// Uses every native package, and the libraries that are awkward to bundle.
import * as grpc from "@grpc/grpc-js";
import { KubeConfig } from "@kubernetes/client-node";
import koffi from "koffi";
import { open } from "lmdb";
import { pino } from "pino";
import xxhash from "xxhash-addon";

const db = open({ path: process.argv[2] ?? "/tmp/db", overlappingSync: false });
await db.put("key", { list: [1, 2.5, "x"] });
const answer = koffi.load("libc.so.6").func("int abs(int)")(-42);
const hash = xxhash.XXHash3.hash(Buffer.from("a")).toString("hex");
const types = [typeof grpc.Server, typeof KubeConfig, typeof pino].join();
console.log(JSON.stringify({ value: db.get("key"), answer, hash, types }));
await db.close();
