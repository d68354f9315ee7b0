// SPDX-License-Identifier: Apache-2.0
// The controls that choose what is shown: event source, process, thread, kinds of code, roots.

import { Kind, kindNames, type Profile } from "./data";
import { byId, make } from "./dom";
import { percent } from "./numbers";
import type { Filter, Grouping } from "./tree";

// The runtime's own frames say how Python runs, not what the program does: shown on request.
const hiddenAtFirst: readonly Kind[] = [Kind.Interpreter];

export class Filters {
  private readonly source = byId<HTMLSelectElement>("source");
  private readonly process = byId<HTMLSelectElement>("process");
  private readonly thread = byId<HTMLSelectElement>("thread");
  private readonly grouping = byId<HTMLSelectElement>("grouping");
  private readonly hidden = new Set<Kind>();

  constructor(
    private readonly profile: Profile,
    private readonly onChange: () => void,
  ) {
    this.fillSources();
    this.makeKinds();
    this.fillProcesses();
    this.fillThreads();
    const hasProcesses = profile.perProcess || profile.processes.length > 1;
    this.grouping.value = profile.perThread ? "thread" : hasProcesses ? "process" : "none";
    this.source.addEventListener("change", () => {
      this.fillProcesses();
      this.fillThreads();
      this.onChange();
    });
    this.process.addEventListener("change", () => {
      this.fillThreads();
      this.onChange();
    });
    this.thread.addEventListener("change", () => this.onChange());
    this.grouping.addEventListener("change", () => this.onChange());
  }

  get filter(): Filter {
    return {
      source: Number(this.source.value),
      process: Number(this.process.value),
      thread: Number(this.thread.value),
      hidden: this.hidden,
      grouping: this.grouping.value as Grouping,
    };
  }

  private fillSources(): void {
    const options = this.profile.sources.map((source, index) =>
      make("option", { value: String(index) }, source.name),
    );
    this.source.append(...options);
    if (options.length === 0) this.source.append(make("option", { value: "0" }, "samples"));
    byId("source-field").hidden = options.length < 2;
  }

  private weights(
    count: number,
    memberOf: (thread: number) => number,
  ): { of: Float64Array; sum: number } {
    const of = new Float64Array(count);
    let sum = 0;
    for (let i = 0; i < this.profile.sampleCount; i++) {
      if (this.profile.sampleSource[i] !== Number(this.source.value)) continue;
      sum += this.profile.sampleWeight[i]!;
      const thread = this.profile.sampleThread[i]!;
      const member = thread < 0 ? -1 : memberOf(thread);
      if (member >= 0) of[member]! += this.profile.sampleWeight[i]!;
    }
    return { of, sum };
  }

  private fill(
    select: HTMLSelectElement,
    all: string,
    names: Map<number, string>,
    weights: Float64Array,
    sum: number,
  ): void {
    const members = [...names.keys()].sort((a, b) => weights[b]! - weights[a]! || a - b);
    const old = select.value === "" ? -1 : Number(select.value);
    select.replaceChildren(
      make("option", { value: "-1" }, all),
      ...members.map((id) =>
        make("option", { value: String(id) }, `${percent(weights[id]!, sum)}  ${names.get(id)!}`),
      ),
    );
    select.value = String(names.has(old) ? old : -1);
  }

  private fillProcesses(): void {
    const { processes, threads } = this.profile;
    const { of, sum } = this.weights(processes.length, (thread) => threads[thread]!.process);
    const names = new Map(
      processes.map((process, id) => [id, `${process.name} (pid ${process.pid})`]),
    );
    this.fill(this.process, `all ${processes.length} processes`, names, of, sum);
  }

  private fillThreads(): void {
    const { threads } = this.profile;
    const process = Number(this.process.value);
    const { of, sum } = this.weights(threads.length, (thread) => thread);
    const names = new Map<number, string>();
    threads.forEach((thread, id) => {
      if (process < 0 || thread.process === process)
        names.set(id, `${thread.name} (tid ${thread.tid})`);
    });
    this.fill(this.thread, `all ${names.size} threads`, names, of, sum);
  }

  private makeKinds(): void {
    const present = new Set<Kind>(this.profile.functionKind);
    const list = byId("kinds");
    for (const kind of [Kind.Python, Kind.Native, Kind.Interpreter, Kind.Kernel]) {
      if (!present.has(kind)) continue;
      const name = kindNames[kind];
      if (hiddenAtFirst.includes(kind)) this.hidden.add(kind);
      const button = make(
        "button",
        {
          class: "kind",
          type: "button",
          "data-kind": name.toLowerCase(),
          "aria-pressed": String(!this.hidden.has(kind)),
        },
        make("i", { class: `swatch ${name.toLowerCase()}` }),
        name,
      );
      button.title = `show or hide ${name.toLowerCase()} frames`;
      button.addEventListener("click", () => {
        if (!this.hidden.delete(kind)) this.hidden.add(kind);
        button.setAttribute("aria-pressed", String(!this.hidden.has(kind)));
        this.onChange();
      });
      list.append(button);
    }
  }
}
