// SPDX-License-Identifier: Apache-2.0
// A thread-local variable behind an accessor, as _Py_tss_tstate is behind
// _PyThreadState_GetCurrent. Built once per way of access; FIXTURE is the build's name.
#define JOIN(name, suffix) name##suffix
#define NAME(name, suffix) JOIN(name, suffix)

static __thread long other = 3;
static __thread void* current;

extern "C" {

void* NAME(FIXTURE, _get)();
void NAME(FIXTURE, _set)(void* value);
long NAME(FIXTURE, _other)();

void* NAME(FIXTURE, _get)() {
    return current;
}

void NAME(FIXTURE, _set)(void* value) {
    current = value;
    ++other;
}

long NAME(FIXTURE, _other)() {
    return other;
}
}
