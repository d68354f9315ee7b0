// SPDX-License-Identifier: Apache-2.0
// MARK(name) puts a symbol of that name on an instruction of its line.
#pragma once

#define MARK(name) \
    __asm__ volatile(".globl " #name "\n.type " #name ", @notype\n" #name ": nop" ::: "memory")
