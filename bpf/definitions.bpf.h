/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copies the names and the location table of a code object, so that a process that has ended keeps its names. Bounded: what is longer
 * is cut (the lengths tell), what cannot be read is left out and completed by user space while the process lives.
 */
#pragma once

#include "bpf/read.bpf.h"
#include "bpf/hash.bpf.h"
#include "bpf/scratch.bpf.h"

#define CODE_HEAD_BYTES 256

static __always_inline __u64 head_u64(const __u8 *head, __u16 offset)
{
    return offset > CODE_HEAD_BYTES - 8 ? 0 : *(const __u64 *)(head + offset);
}

static __always_inline __u32 head_u32(const __u8 *head, __u16 offset)
{
    return offset > CODE_HEAD_BYTES - 4 ? 0 : *(const __u32 *)(head + offset);
}

/* Appends at most limit bytes of [address, address + bytes) at text[*used]. limit is a constant power of two. */
static __always_inline void append_text(struct definition_scratch *scratch, __u32 *used, struct stored_text *text,
                                        __u64 address, __u64 bytes, __u32 limit, __u32 encoding)
{
    __u32 at = *used, take = bytes < limit ? bytes : limit;

    text->encoding = TEXT_MISSING;
    barrier_var(take);
    if (take > limit)
        return;
    barrier_var(at);
    if (at > DEFINITION_TEXT_BYTES - MAX_TABLE_BYTES)
        return;
    if (take && read_user(scratch->text + at, take, address))
        return;
    text->encoding = encoding;
    text->stored = take;
    *used = at + take;
}

/* A str (or, in Python 2, a byte string). */
static __always_inline void append_string(struct definition_scratch *scratch, const struct python_layout *layout,
                                          __u32 *used, struct stored_text *text, __u64 object)
{
    __u32 state, width, encoding = TEXT_BYTES;
    __u64 length, data;

    text->length = 0;
    text->stored = 0;
    text->encoding = TEXT_MISSING;
    if (!object || read_user(scratch->header, 40, object))
        return;
    if (layout->text.is_bytes) {
        length = head_u64(scratch->header, layout->object.var_size & 31);
        width = 1;
        data = object + layout->text.bytes_data;
    } else {
        length = head_u64(scratch->header, layout->text.length & 31);
        state = head_u32(scratch->header, layout->text.state & 63);
        width = (state >> (layout->text.kind_shift & 31)) & 7;
        if (!(state & layout->text.compact_bit)) {
            /* A subclass of str: its data is elsewhere. */
            if (read_user_u64(&data, object + layout->text.compact_data))
                return;
        } else if (state & layout->text.ascii_bit) {
            data = object + layout->text.ascii_data;
        } else {
            data = object + layout->text.compact_data;
        }
        if (!(state & layout->text.ascii_bit)) {
            if (width == 1)
                encoding = TEXT_LATIN1;
            else if (width == 2)
                encoding = TEXT_UCS2;
            else if (width == 4)
                encoding = TEXT_UCS4;
            else
                return;
        } else {
            width = 1;
        }
    }
    if (length > (1u << 28))
        return;
    text->length = length;
    append_text(scratch, used, text, data, length * width, MAX_NAME_BYTES, encoding);
}

static __always_inline void append_bytes(struct definition_scratch *scratch, const struct python_layout *layout,
                                         __u32 *used, struct stored_text *text, __u64 object)
{
    __u64 length;

    text->length = 0;
    text->stored = 0;
    text->encoding = TEXT_MISSING;
    if (!object || read_user_u64(&length, object + layout->object.var_size))
        return;
    if (length > (1u << 28))
        return;
    text->length = length;
    append_text(scratch, used, text, object + layout->text.bytes_data, length, MAX_TABLE_BYTES, TEXT_BYTES);
}

enum definition_result {
    DEFINITION_READY,
    DEFINITION_INVALID, /* not a code object */
    DEFINITION_FAULT,   /* the object itself is not readable */
};

/* Fills scratch->record and scratch->text. space, time and layout index are set by the caller. */
static __always_inline enum definition_result define_code(struct definition_scratch *scratch,
                                                          const struct python_layout *layout,
                                                          __u64 code_type, __u64 code)
{
    struct code_definition_record *record = &scratch->record;
    const __u8 *head = scratch->object;
    __u32 bytes = layout->code.read_bytes, used = 0;
    __u64 name;

    barrier_var(bytes);
    if (bytes > CODE_HEAD_BYTES)
        bytes = CODE_HEAD_BYTES;
    if (read_user(scratch->object, bytes, code))
        return DEFINITION_FAULT;
    if (head_u64(head, layout->object.type) != code_type)
        return DEFINITION_INVALID;

    name = layout->code.qualified_name == LAYOUT_ABSENT ? head_u64(head, layout->code.name)
                                                        : head_u64(head, layout->code.qualified_name);
    record->code = code;
    record->name_address = name;
    record->file_address = head_u64(head, layout->code.file_name);
    record->table_address = head_u64(head, layout->code.line_table);
    record->first_line = head_u32(head, layout->code.first_line);
    record->code_flags = head_u32(head, layout->code.flags);
    record->first_traceable = head_u32(head, layout->code.first_traceable);
    append_string(scratch, layout, &used, &record->name, name);
    append_string(scratch, layout, &used, &record->file, record->file_address);
    append_bytes(scratch, layout, &used, &record->table, record->table_address);
    *(__u64 *)&record->class_name = 0;
    record->header.kind = RECORD_CODE_DEFINITION;
    record->header.size = sizeof(*record) + used;
    return DEFINITION_READY;
}
