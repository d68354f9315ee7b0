// SPDX-License-Identifier: Apache-2.0
// dlopen_host LIBPYTHON SECONDS: works in C, then loads CPython with dlopen() and works in Python, SECONDS of CPU time each.
// Prints {"pid": N} at the end. Only functions of the stable ABI, and of 2.7, are used: no header of any Python is needed.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

__attribute__((noinline)) void before_python(double end) {
    static volatile unsigned work;
    while (cpu_seconds() < end) {
        for (unsigned i = 0; i < 10000; i++) work += i;
    }
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const double seconds = atof(argv[2]);
    before_python(cpu_seconds() + seconds);

    void* library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    void (*initialize)(int) = (void (*)(int))dlsym(library, "Py_InitializeEx");
    // PyRun_SimpleStringFlags: PyRun_SimpleString is a macro in some versions.
    int (*run)(const char*, void*) = (int (*)(const char*, void*))dlsym(library, "PyRun_SimpleStringFlags");
    if (initialize == NULL || run == NULL) {
        fprintf(stderr, "%s is no CPython library\n", argv[1]);
        return 1;
    }
    initialize(0);
    char script[400];
    snprintf(script, sizeof script,
             "import os\n"
             "def hosted(end):\n"
             "    while sum(os.times()[:2]) < end:\n"
             "        sum(range(1000))\n"
             "hosted(sum(os.times()[:2]) + %f)\n",
             seconds);
    if (run(script, NULL) != 0) return 1;
    printf("{\"pid\": %d}\n", (int)getpid());
    return 0;
}
