// SPDX-License-Identifier: Apache-2.0
// Inlined functions with known places: each MARK puts a symbol of that name on an instruction of
// its line, so that a test knows the address, the line and the functions around it; "call:" does so
// for calls. Compiled with optimization and debug information.
#include "inline_fixture.h"

#define INLINE inline __attribute__((always_inline))

namespace shop {

template <int Depth>
struct Chain {
    template <class T>
    static INLINE T add(T value) {
        return Chain<Depth - 1>::add(value + Depth);  // call: chain
    }
};

template <>
struct Chain<0> {
    template <class T>
    static INLINE T add(T value) {
        MARK(mark_chain_end);
        return value * 3;
    }
};

namespace {

struct Basket {
    volatile int items = 0;

    INLINE void put(int count) {
        MARK(mark_put);
        items = items + count;
    }
};

__attribute__((noinline)) int hidden(int x) {
    MARK(mark_hidden);
    return x * x;
}

}  // namespace

__attribute__((noinline)) int fill(int count) {
    Basket basket;
    basket.put(count);  // call: put
    const auto twice = [&](int n) __attribute__((always_inline)) {
        MARK(mark_lambda);
        return n * 2 + basket.items;
    };
    return twice(count) + hidden(count);  // call: lambda
}

}  // namespace shop

extern "C" int run_fixture(int x) {
    MARK(mark_run);
    return shop::fill(x) +
           static_cast<int>(shop::Chain<6>::add(static_cast<long>(x)));  // call: run
}
