/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a thread leaves the CPU: from the state it leaves in, the system call it is in, and what kind
 * of file or futex that call is about (docs/off-cpu.md has the table).
 */
#pragma once

#include "bpf/core_fixes.bpf.h"
#include "bpf/read.bpf.h"
#include "bpf/registers.bpf.h"

/* What a system call says about the wait; above WAIT_BY_FILE it depends on its arguments. */
enum wait_rule {
    WAIT_UNKNOWN = 0, /* up to THREAD_OTHER: enum thread_activity */
    WAIT_BY_FILE = 16,
    WAIT_FUTEX,
    WAIT_POLL,       /* pollfd[], count */
    WAIT_SELECT,     /* highest descriptor + 1; 0: a sleep */
    WAIT_FCNTL_LOCK, /* fcntl(F_SETLKW) */
};

#if defined(__TARGET_ARCH_x86)
/* arch/x86/entry/syscalls/syscall_64.tbl */
#define SYSTEM_CALLS 512
static const __u8 wait_rules[SYSTEM_CALLS] = {
    [0] = WAIT_BY_FILE,     /* read */
    [1] = WAIT_BY_FILE,     /* write */
    [7] = WAIT_POLL,        /* poll */
    [17] = WAIT_BY_FILE,    /* pread64 */
    [18] = WAIT_BY_FILE,    /* pwrite64 */
    [19] = WAIT_BY_FILE,    /* readv */
    [20] = WAIT_BY_FILE,    /* writev */
    [23] = WAIT_SELECT,     /* select */
    [26] = THREAD_DISK,     /* msync */
    [35] = THREAD_SLEEP,    /* nanosleep */
    [40] = WAIT_BY_FILE,    /* sendfile: the destination */
    [42] = THREAD_NETWORK,  /* connect */
    [43] = THREAD_NETWORK,  /* accept */
    [44] = THREAD_NETWORK,  /* sendto */
    [45] = THREAD_NETWORK,  /* recvfrom */
    [46] = THREAD_NETWORK,  /* sendmsg */
    [47] = THREAD_NETWORK,  /* recvmsg */
    [56] = THREAD_CHILD,    /* clone (CLONE_VFORK) */
    [58] = THREAD_CHILD,    /* vfork */
    [61] = THREAD_CHILD,    /* wait4 */
    [65] = THREAD_LOCK,     /* semop */
    [69] = THREAD_PIPE,     /* msgsnd */
    [70] = THREAD_PIPE,     /* msgrcv */
    [72] = WAIT_FCNTL_LOCK, /* fcntl */
    [73] = THREAD_LOCK,     /* flock */
    [74] = THREAD_DISK,     /* fsync */
    [75] = THREAD_DISK,     /* fdatasync */
    [78] = THREAD_DISK,     /* getdents */
    [162] = THREAD_DISK,    /* sync */
    [202] = WAIT_FUTEX,     /* futex */
    [208] = THREAD_DISK,    /* io_getevents */
    [217] = THREAD_DISK,    /* getdents64 */
    [220] = THREAD_LOCK,    /* semtimedop */
    [230] = THREAD_SLEEP,   /* clock_nanosleep */
    [232] = THREAD_POLL,    /* epoll_wait */
    [242] = THREAD_PIPE,    /* mq_timedsend */
    [243] = THREAD_PIPE,    /* mq_timedreceive */
    [247] = THREAD_CHILD,   /* waitid */
    [270] = WAIT_SELECT,    /* pselect6 */
    [271] = WAIT_POLL,      /* ppoll */
    [275] = WAIT_BY_FILE,   /* splice: the source */
    [277] = THREAD_DISK,    /* sync_file_range */
    [281] = THREAD_POLL,    /* epoll_pwait */
    [288] = THREAD_NETWORK, /* accept4 */
    [295] = WAIT_BY_FILE,   /* preadv */
    [296] = WAIT_BY_FILE,   /* pwritev */
    [299] = THREAD_NETWORK, /* recvmmsg */
    [306] = THREAD_DISK,    /* syncfs */
    [307] = THREAD_NETWORK, /* sendmmsg */
    [327] = WAIT_BY_FILE,   /* preadv2 */
    [328] = WAIT_BY_FILE,   /* pwritev2 */
    [435] = THREAD_CHILD,   /* clone3 (CLONE_VFORK) */
    [441] = THREAD_POLL,    /* epoll_pwait2 */
    [449] = THREAD_LOCK,    /* futex_waitv */
    [455] = WAIT_FUTEX,     /* futex_wait */
};
#define CALL_FUTEX 202
#define CALL_NUMBER(registers) ((registers)->orig_ax)
#define CALL_ARGUMENT_1(registers) ((registers)->di)
#define CALL_ARGUMENT_2(registers) ((registers)->si)
#endif

/* include/uapi/linux/stat.h */
#define FILE_TYPE_MASK 0170000
#define FILE_TYPE_SOCKET 0140000
#define FILE_TYPE_REGULAR 0100000
#define FILE_TYPE_BLOCK 0060000
#define FILE_TYPE_DIRECTORY 0040000
#define ANON_INODE_FS_MAGIC 0x09041934 /* include/uapi/linux/magic.h: eventfd, timerfd … */

/* include/uapi/linux/futex.h */
#define FUTEX_WAIT 0
#define FUTEX_WAIT_BITSET 9
#define FUTEX_COMMAND_BITS 127

#define F_SETLKW 7
#define F_OFD_SETLKW 38

/* What a wait for the file of a descriptor is. */
static __always_inline __u8 wait_for_file(struct task_struct *task, __u64 descriptor)
{
    struct fdtable *table = BPF_CORE_READ(task, files, fdt);
    struct file **files = BPF_CORE_READ(table, fd), *file = NULL;
    __u32 type;

    if (descriptor >= BPF_CORE_READ(table, max_fds))
        return THREAD_OTHER;
    bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
    if (!file)
        return THREAD_OTHER;
    if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC)
        return THREAD_PIPE;
    type = BPF_CORE_READ(file, f_inode, i_mode) & FILE_TYPE_MASK;
    if (type == FILE_TYPE_SOCKET)
        return THREAD_NETWORK;
    if (type == FILE_TYPE_REGULAR || type == FILE_TYPE_BLOCK || type == FILE_TYPE_DIRECTORY)
        return THREAD_DISK;
    return THREAD_PIPE; /* and terminals */
}

static __always_inline __u8 wait_rule_of(__u64 number)
{
    return number < SYSTEM_CALLS ? wait_rules[number & (SYSTEM_CALLS - 1)] : WAIT_UNKNOWN;
}

static __always_inline int is_within(const struct gil_place *place, __u64 address)
{
    return place->bytes && address - place->start < place->bytes;
}

/* registers: the user's, saved at the system call; only read if in_call. */
static __always_inline __u8 wait_cause(struct task_struct *task, int preempted, int in_call,
                                       const struct pt_regs *registers, const struct gil_place *gil)
{
    __u32 state = task_state(task), descriptor = 0;
    __u64 number, argument_1, argument_2;
    __u8 rule;

    if (preempted || state == TASK_RUNNING)
        return is_throttled(task) ? THREAD_THROTTLED : THREAD_RUN_QUEUE;
    if (state & (__TASK_STOPPED | __TASK_TRACED))
        return THREAD_OTHER;
    if (!in_call) /* user code waits in no other way than for memory */
        return THREAD_PAGE_FAULT;
    number = CALL_NUMBER(registers);
    argument_1 = CALL_ARGUMENT_1(registers);
    argument_2 = CALL_ARGUMENT_2(registers);
    rule = wait_rule_of(number);
    if (rule == WAIT_POLL) {
        if (argument_2 > 1)
            return THREAD_POLL;
        if (!argument_2)
            return THREAD_SLEEP;
        if (read_user(&descriptor, sizeof(descriptor), argument_1))
            return THREAD_POLL;
        argument_1 = descriptor;
        rule = WAIT_BY_FILE;
    }
    switch (rule) {
        case WAIT_UNKNOWN:
            return waits_for_io(task) ? THREAD_DISK : THREAD_OTHER;
        case WAIT_BY_FILE:
            return wait_for_file(task, argument_1);
        case WAIT_FUTEX:
            return is_within(gil, argument_1) ? THREAD_GIL : THREAD_LOCK;
        case WAIT_SELECT:
            return argument_1 ? THREAD_POLL : THREAD_SLEEP;
        case WAIT_FCNTL_LOCK:
            return argument_2 == F_SETLKW || argument_2 == F_OFD_SETLKW ? THREAD_LOCK
                                                                        : THREAD_OTHER;
        default:
            return rule;
    }
}
