// SPDX-License-Identifier: Apache-2.0
// What the labels of a tree are called and where they are.

import { functionPlace, isPair, kindNames, type Kind, type Profile, stateNames } from "./data";
import {
  allLabel,
  containerLabel,
  hostContainer,
  processLabel,
  stateLabel,
  threadLabel,
} from "./samples";

export interface Label {
  name: string;
  place: string; // file:line or module; a process's command
  kind: string; // for people
}

export function isFunction(profile: Profile, label: number): boolean {
  return label >= 0 && label < profile.functionCount;
}

export function describe(profile: Profile, label: number): Label {
  if (label === allLabel)
    return { name: "all", place: "", kind: "everything that the filters let through" };
  if (label < processLabel(profile, 0)) {
    return {
      name: profile.functionName[label]!,
      place: functionPlace(profile, label),
      kind: kindNames[profile.functionKind[label] as Kind],
    };
  }
  if (label < threadLabel(profile, 0)) return process(profile, label - processLabel(profile, 0));
  if (label < containerLabel(profile, 0)) return thread(profile, label - threadLabel(profile, 0));
  if (label < stateLabel(profile, 0)) return container(profile, label - containerLabel(profile, 0));
  const state = label - stateLabel(profile, 0);
  return { name: stateNames[state] ?? `state ${state}`, place: "", kind: "State" };
}

function process(profile: Profile, id: number): Label {
  const process = profile.processes[id]!;
  const python = process.python === "" ? "" : `, Python ${process.python}`;
  const name = isPair(profile)
    ? process.name
    : `${process.name} (pid ${process.pid}${python})`;
  return { name, place: process.command, kind: "Process" };
}

function thread(profile: Profile, id: number): Label {
  const thread = profile.threads[id]!;
  const process = profile.processes[thread.process];
  const place = process === undefined ? "" : `${process.name} (pid ${process.pid})`;
  return { name: `${thread.name} (tid ${thread.tid})`, place, kind: "Thread" };
}

function container(profile: Profile, id: number): Label {
  if (id === hostContainer(profile)) return { name: "no container", place: "", kind: "Host" };
  const { name, runtime, image, pod, podNamespace } = profile.containers[id]!;
  const place = [runtime, image, pod && `${podNamespace}/${pod}`].filter(Boolean).join(" · ");
  return { name, place, kind: "Container" };
}

// Two words for the box of a place that is too long: the last part of a path.
export function shortPlace(place: string): string {
  return place.slice(place.lastIndexOf("/") + 1);
}
