// Runs the sample operator on one of the two packages, in a process of its own: an operator that
// ends its process must not end the test.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import ts from "typescript";

/** On which package the sample runs. */
export type Side = "theirs" | "ours";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const PACKAGE = "@dot-i/k8s-operator";
const WAIT_MS = 60_000;

/** Path of the sample's source. */
export const SAMPLE = join(import.meta.dirname, "testdata", "sample-operator.ts");

/** What the sample imports on each side. */
export const IMPORTS: Readonly<Record<Side, string>> = {
  theirs: join(ROOT, "node_modules", PACKAGE),
  ours: join(ROOT, "controllers", "compat", "index.ts"),
};

/** Something that the sample has told. */
export type Fact = Readonly<Record<string, unknown>>;

/** The sample, compiled for both sides as its author would: TypeScript to CommonJS. */
export class Sample {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async compile(): Promise<Sample> {
    const folder = await mkdtemp(join(tmpdir(), "sample-operator-"));
    const source = await readFile(SAMPLE, "utf8");
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        esModuleInterop: true,
      },
    });
    for (const side of ["theirs", "ours"] as const) {
      const text = outputText.replaceAll(`"${PACKAGE}"`, JSON.stringify(IMPORTS[side]));
      await writeFile(join(folder, `${side}.cjs`), text);
    }
    return new Sample(folder);
  }

  /** Starts the sample; resolves once it has declared its watches. */
  async start(side: Side, kubeconfigPath: string, namespaces?: string): Promise<RunningSample> {
    const child = fork(join(this.#folder, `${side}.cjs`), [], {
      env: {
        ...process.env,
        KUBECONFIG: kubeconfigPath,
        NODE_OPTIONS: "--no-warnings --no-deprecation",
        ...(namespaces === undefined ? {} : { SAMPLE_NAMESPACES: namespaces }),
      },
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const running = new RunningSample(child);
    await running.until("it has started", (facts) =>
      facts.some((fact) => fact["initialised"] === true),
    );
    return running;
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}

/** One process of the sample. */
export class RunningSample {
  readonly facts: Fact[] = [];
  stderr = "";
  /** Resolves to the exit code; null if a signal ended it. */
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #changed = new Set<() => void>();
  #isOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString("utf8")));
    child.on("message", (fact) => {
      this.facts.push(fact as Fact);
      this.#wake();
    });
    this.exit = new Promise((resolve) => {
      child.on("exit", (code) => {
        this.#isOver = true;
        this.#wake();
        resolve(code);
      });
    });
  }

  /** True once the process has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Events that its handler has seen of these objects, as `TYPE name`, oldest first. */
  seen(...names: readonly string[]): readonly string[] {
    return this.facts
      .filter((fact) => fact["saw"] !== undefined && names.includes(String(fact["name"])))
      .map((fact) => `${String(fact["saw"])} ${String(fact["name"])}`);
  }

  /** Waits until `holds`, judged after every fact; fails when the process ends or after a minute. */
  async until(what: string, holds: (facts: readonly Fact[]) => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    while (!holds(this.facts)) {
      if (this.#isOver || deadline.aborted) {
        const reason = this.#isOver ? "the process has ended" : "never";
        throw new Error(`${what}: ${reason}\n${JSON.stringify(this.facts)}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#changed.delete(done);
          deadline.removeEventListener("abort", done);
          resolve();
        };
        this.#changed.add(done);
        deadline.addEventListener("abort", done, { once: true });
      });
    }
  }

  /** Waits for an event of this object. */
  untilSeen(event: string, name: string, count = 1): Promise<void> {
    return this.until(`${event} ${name}`, () => {
      return this.seen(name).filter((one) => one === `${event} ${name}`).length >= count;
    });
  }

  /** Gives an order and waits until it is carried out or refused; what it has told meanwhile. */
  async obey(command: Fact): Promise<readonly Fact[]> {
    const before = this.facts.length;
    this.#child.send(command);
    const answered = (fact: Fact): boolean =>
      fact["obeyed"] === command["do"] || fact["refused"] === command["do"];
    await this.until(`order ${String(command["do"])}`, (facts) =>
      facts.slice(before).some(answered),
    );
    return this.facts.slice(before);
  }

  /** Ends the process if it is still there. */
  async kill(): Promise<void> {
    if (!this.#isOver) this.#child.kill("SIGKILL");
    await this.exit;
  }

  #wake(): void {
    for (const changed of [...this.#changed]) changed();
  }
}
