// SPDX-License-Identifier: Apache-2.0
// A small library with one symbol of every kind that ElfFile distinguishes.
#include <stddef.h>

int exported_object = 42;
__thread int thread_local_first = 1;
__thread int thread_local_second = 2;

__attribute__((noinline)) static int hidden_function(int value) { return value * 3 + exported_object; }

int exported_function(int value) { return hidden_function(value) + thread_local_second; }

__attribute__((weak)) int weak_function(void) { return thread_local_first; }

extern void* malloc(size_t size);
void* caller_of_undefined(void) { return malloc(16); }
