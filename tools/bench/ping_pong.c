// SPDX-License-Identifier: Apache-2.0
// Two processes on one CPU hand a byte to and fro through pipes: nothing but switches.
// usage: bench_ping_pong SECONDS     prints switches per second
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int count, char** arguments)
{
    const double seconds = count > 1 ? atof(arguments[1]) : 0;
    int there[2], back[2];
    unsigned long rounds = 0;
    cpu_set_t cpus;
    char byte = 0;
    double start, end;

    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    if (seconds <= 0 || pipe(there) || pipe(back) || sched_setaffinity(0, sizeof(cpus), &cpus))
        return 2;
    if (!fork()) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    start = end = now();
    while (end < start + seconds) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) return 1;
        if (++rounds % 64 == 0) end = now();
    }
    printf("%.0f\n", 2 * (double)rounds / (end - start));
    return 0;
}
