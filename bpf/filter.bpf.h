/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is sampled: everybody, watched processes, or watched cgroups with all that is below them.
 * Decided before anything is unwound, so that the rest of the machine costs a look-up.
 */
#pragma once

#include "bpf/abi/config.h"
#include "bpf/process.bpf.h"

/* key: id of a cgroup of the v2 hierarchy; written by user space, also while it records. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_WATCHED_CGROUPS);
    __type(key, __u64);
    __type(value, __u8);
} watched_cgroups __weak SEC(".maps"); /* weak: every object defines it, the linker keeps one */

/* Bit n: a watched cgroup is n levels below the root. Written by user space: mostly one bit is set,
 * and only that ancestor is asked for. Defined in bpf/collector.bpf.c. */
extern __u32 watched_cgroup_levels;

/* struct cgroup before Linux 6.1; later kernels have pointers to the ancestors. */
struct cgroup___ids {
    int level;
    __u64 ancestor_ids[0];
} __attribute__((preserve_access_index));

/* Of the current task's cgroup, which has level 0 at the root; 0 if it is not that deep. */
static __always_inline __u64 ancestor_cgroup_id(int level, int has_helper)
{
    struct task_struct *task;
    struct cgroup___ids *cgroup;
    __u64 id = 0;

    if (has_helper)
        return bpf_get_current_ancestor_cgroup_id(level);
    /* Perf event programs have the helper since 5.13. */
    if (!bpf_core_field_exists(struct cgroup___ids, ancestor_ids))
        return 0;
    task = (struct task_struct *)bpf_get_current_task();
    cgroup = (struct cgroup___ids *)BPF_CORE_READ(task, cgroups, dfl_cgrp);
    if (BPF_CORE_READ(cgroup, level) < level)
        return 0;
    bpf_probe_read_kernel(&id, sizeof(id),
                          (const __u8 *)cgroup +
                              bpf_core_field_offset(struct cgroup___ids, ancestor_ids) +
                              level * sizeof(id));
    return id;
}

static __always_inline int in_watched_cgroup(int has_helper)
{
    __u32 levels = watched_cgroup_levels;

    for (int level = 0; level < MAX_CGROUP_LEVELS; level++) {
        __u64 id;

        if (!(levels & (1u << level)))
            continue;
        id = ancestor_cgroup_id(level, has_helper);
        if (id && bpf_map_lookup_elem(&watched_cgroups, &id))
            return 1;
    }
    return 0;
}

/* process: the current one's entry, null if there is none. */
static __always_inline int is_target(const volatile struct sampler_config *config,
                                     const struct process_entry *process)
{
    if (config->target == TARGET_ALL || (process && (process->flags & PROCESS_WATCHED)))
        return 1;
    return config->target == TARGET_CGROUPS && in_watched_cgroup(config->has_ancestor_helper);
}
