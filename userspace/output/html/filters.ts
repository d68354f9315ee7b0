// SPDX-License-Identifier: Apache-2.0
// The controls that choose samples: event source, container, process, thread, state, kinds of code.

import { Kind, kindNames, type Profile, stateNames } from "./data";
import { byId, make } from "./dom";
import { percent } from "./numbers";
import { all, containerOf, hostContainer, processGroups } from "./samples";
import { hasStates, initialState, type State } from "./state";

type Chosen = "source" | "container" | "process" | "thread" | "state";

const shownMembers = 500; // of a list; more are found by searching

export class Filters {
  private readonly selects: Record<Chosen, HTMLSelectElement> = {
    source: byId("source"),
    container: byId("container"),
    process: byId("process"),
    thread: byId("thread"),
    state: byId("state"),
  };

  constructor(
    private readonly profile: Profile,
    private readonly state: State,
    private readonly onChange: () => void,
  ) {
    for (const [name, select] of Object.entries(this.selects)) {
      select.addEventListener("change", () => {
        this.state[name as Chosen] = Number(select.value);
        // A choice that is not within the new one is given up.
        if (name === "container" || name === "source") this.state.process = all;
        if (name !== "thread" && name !== "state") this.state.thread = all;
        this.onChange();
      });
    }
    byId("clear-filters").addEventListener("click", () => {
      const { container, process, thread, state, from, to, textMode, search, hidden } =
        initialState(profile);
      Object.assign(this.state, { container, process, thread, state, from, to, textMode, search });
      this.state.hidden = hidden;
      this.onChange();
    });
    this.fillSources();
    this.makeKinds();
  }

  // Brings the controls in line with the state.
  show(): void {
    const { profile, state } = this;
    const { threads, processes, containers } = profile;
    const groups = processGroups(profile);
    const groupOf = (thread: number): number => {
      const process = threads[thread]!.process;
      return process < 0 ? -1 : groups[process]!;
    };
    this.fill("container", containers.length + 1, {
      of: (thread) => containerOf(profile, thread),
      name: (id) => (id === hostContainer(profile) ? "no container" : containers[id]!.name),
    });
    this.fill("process", processes.length, {
      of: (thread) =>
        state.container === all || state.container === containerOf(profile, thread)
          ? groupOf(thread)
          : -1,
      name: (id) =>
        profile.sides.length > 1
          ? processes[id]!.name
          : `${processes[id]!.name} (pid ${processes[id]!.pid})`,
    });
    this.fill("thread", threads.length, {
      of: (thread) =>
        (state.process === all || state.process === groupOf(thread)) &&
        (state.container === all || state.container === containerOf(profile, thread))
          ? thread
          : -1,
      name: (id) => `${threads[id]!.name} (tid ${threads[id]!.tid})`,
    });
    this.selects.source.value = String(state.source);
    this.fillStates();
    byId("container-field").hidden = containers.length === 0;
    byId("state-field").hidden = !hasStates(profile);
    for (const button of byId("kinds").children) {
      const kind = Number((button as HTMLElement).dataset["number"]);
      button.setAttribute("aria-pressed", String(!state.hidden.has(kind)));
    }
    const isFiltered =
      [state.container, state.process, state.thread, state.state].some((one) => one !== all) ||
      (state.textMode !== "mark" && state.search !== "");
    byId("clear-filters").hidden = !isFiltered;
  }

  private fillSources(): void {
    const options = this.profile.sources.map((source, index) =>
      make("option", { value: String(index) }, source.name),
    );
    this.selects.source.append(...options);
    if (options.length === 0) this.selects.source.append(make("option", { value: "0" }, "samples"));
    byId("source-field").hidden = options.length < 2;
  }

  private fillStates(): void {
    const present = new Set(this.profile.sampleState);
    const options = [...present]
      .sort((a, b) => a - b)
      .map((state) => make("option", { value: String(state) }, stateNames[state] ?? String(state)));
    this.selects.state.replaceChildren(make("option", { value: String(all) }, "any"), ...options);
    this.selects.state.value = String(this.state.state);
  }

  // The members that have samples, the heaviest first.
  private fill(
    chosen: Chosen,
    count: number,
    member: { of(thread: number): number; name(id: number): string },
  ): void {
    const { sampleSource, sampleThread, sampleWeight, sampleCount, threads } = this.profile;
    const memberOfThread = threads.map((_, id) => member.of(id));
    const weights = new Float64Array(count);
    let sum = 0;
    for (let i = 0; i < sampleCount; i++) {
      if (sampleSource[i] !== this.state.source) continue;
      sum += sampleWeight[i]!;
      const id = memberOfThread[sampleThread[i]!] ?? -1;
      if (id >= 0) weights[id]! += sampleWeight[i]!;
    }
    const members = Array.from(weights.keys())
      .filter((id) => weights[id]! > 0)
      .sort((a, b) => weights[b]! - weights[a]! || a - b);
    const select = this.selects[chosen];
    const shown = members.filter((id, at) => at < shownMembers || id === this.state[chosen]);
    select.replaceChildren(
      make("option", { value: String(all) }, members.length === 1 ? "all" : `all ${members.length}`),
      ...shown.map((id) =>
        make("option", { value: String(id) }, `${percent(weights[id]!, sum)}  ${member.name(id)}`),
      ),
    );
    select.value = String(this.state[chosen]);
    if (select.value === "") select.value = String((this.state[chosen] = all));
  }

  private makeKinds(): void {
    const present = new Set<Kind>(this.profile.functionKind);
    for (const kind of [Kind.Python, Kind.Native, Kind.Interpreter, Kind.Kernel]) {
      if (!present.has(kind)) continue;
      const name = kindNames[kind];
      const button = make(
        "button",
        { class: "kind", type: "button", "data-kind": name.toLowerCase(), "data-number": `${kind}` },
        make("i", { class: `swatch ${name.toLowerCase()}` }),
        name,
      );
      button.title = `show or hide ${name.toLowerCase()} frames`;
      button.addEventListener("click", () => {
        if (!this.state.hidden.delete(kind)) this.state.hidden.add(kind);
        this.onChange();
      });
      byId("kinds").append(button);
    }
  }
}
