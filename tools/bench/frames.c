// SPDX-License-Identifier: Apache-2.0
/*
 * usage: bench_frames_with_fp|bench_frames_without_fp DEPTH COPY_BYTES
 *
 * A C program that works below DEPTH native frames of its own. Answers lines "measure SECONDS" (of CPU time) with a line
 * "LOOPS CPU_SECONDS", as tools/bench/target.py does. COPY_BYTES, if not 0, are copied in each loop, which empties the caches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_DEPTH 10000
#define MAX_COPY_BYTES (1l << 30)
#define ROUNDS_PER_LOOP 100000

static char *from, *to;
static long copy_bytes;
static volatile unsigned sink;

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void work(void)
{
    if (copy_bytes) {
        memcpy(to, from, (size_t)copy_bytes);
        from[sink % (unsigned long)copy_bytes]++;
        return;
    }
    for (unsigned i = 0; i < ROUNDS_PER_LOOP; i++)
        sink += i * i;
}

static __attribute__((noinline)) void answer(void)
{
    char line[64];

    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        double seconds, start = cpu_seconds(), now;
        long loops = 0;

        if (sscanf(line, "measure %lf", &seconds) != 1)
            exit(2);
        do {
            work();
            loops++;
            now = cpu_seconds();
        } while (now - start < seconds);
        printf("%ld %.9f\n", loops, now - start);
        fflush(stdout);
    }
}

/* The volatile keeps a value alive across the call, so that each level has a frame with content. */
static __attribute__((noinline)) int descend(int levels)
{
    volatile int here = levels;

    if (levels > 1)
        descend(levels - 1);
    else
        answer();
    return here;
}

int main(int count, char **arguments)
{
    int depth = count == 3 ? atoi(arguments[1]) : 0;

    copy_bytes = count == 3 ? atol(arguments[2]) : -1;
    if (depth < 1 || depth > MAX_DEPTH || copy_bytes < 0 || copy_bytes > MAX_COPY_BYTES) {
        fprintf(stderr, "usage: %s DEPTH COPY_BYTES\n", arguments[0]);
        return 2;
    }
    if (copy_bytes) {
        from = malloc((size_t)copy_bytes);
        to = malloc((size_t)copy_bytes);
        if (!from || !to)
            return 1;
        memset(from, 1, (size_t)copy_bytes);
        memset(to, 1, (size_t)copy_bytes);
    }
    return descend(depth) == depth ? 0 : 1;
}
