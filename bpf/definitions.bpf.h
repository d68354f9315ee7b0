/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copies the names and the location table of a code object, so that a process that has ended keeps
 * its names. Bounded: what is longer is cut (the lengths tell), what cannot be read is left out and
 * completed by user space while the process lives.
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

/* Appends at most limit bytes of [address, address + bytes) at text[*used]. limit is a constant
 * power of two. */
static __always_inline void append_text(struct definition_scratch *scratch, __u32 *used,
                                        struct stored_text *text, __u64 address, __u64 bytes,
                                        __u32 limit, __u32 encoding)
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

/*
 * Copies the head of a str (in Python 2: of a byte string), with its length, cached hash and state,
 * to scratch->header. In debug and free-threaded builds these come later, as the object's own head
 * is longer.
 */
#define STRING_HEAD_BYTES 64
static __always_inline int read_string_head(struct definition_scratch *scratch,
                                            const struct python_layout *layout, __u64 object)
{
    __u32 bytes = layout->text.is_bytes ? layout->object.var_size + 16 : layout->text.state + 8;

    if (!object)
        return -1;
    barrier_var(bytes);
    if (bytes > STRING_HEAD_BYTES)
        return -1;
    return read_user(scratch->header, bytes, object) != 0;
}

/* A str (or, in Python 2, a byte string). */
static __always_inline void append_string(struct definition_scratch *scratch,
                                          const struct python_layout *layout, __u32 *used,
                                          struct stored_text *text, __u64 object)
{
    __u32 state, width, encoding = TEXT_BYTES;
    __u64 length, data;

    text->length = 0;
    text->stored = 0;
    text->encoding = TEXT_MISSING;
    if (read_string_head(scratch, layout, object))
        return;
    if (layout->text.is_bytes) {
        length = head_u64(scratch->header, layout->object.var_size & 63);
        width = 1;
        data = object + layout->text.bytes_data;
    } else {
        length = head_u64(scratch->header, layout->text.length & 63);
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

static __always_inline void append_bytes(struct definition_scratch *scratch,
                                         const struct python_layout *layout, __u32 *used,
                                         struct stored_text *text, __u64 object)
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
    append_text(scratch, used, text, object + layout->text.bytes_data, length, MAX_TABLE_BYTES,
                TEXT_BYTES);
}

/*
 * How likely another code object is built at the address of this one while we record.
 *
 * Functions of files live as long as their module, mostly. What runs once is freed at its end: the
 * bodies of modules and classes. What was made by exec() or eval() comes and goes as the program
 * pleases.
 */
enum code_lifetime {
    CODE_LASTING = 0,
    CODE_RUNS_ONCE = 1,
    CODE_TEMPORARY = 2, /* its file name is no path ("<string>", "<template>", …), or there were
                           others at its address */
};

#define CO_OPTIMIZED 1 /* set in functions only: Include/code.h of every version from 2.7 on */

/* Of the definition that scratch holds. */
static __always_inline enum code_lifetime code_lifetime(const struct definition_scratch *scratch)
{
    const struct code_definition_record *record = &scratch->record;
    __u32 at = record->name.stored;

    barrier_var(at);
    if (record->file.stored >= 4 && at <= MAX_NAME_BYTES && scratch->text[at] == '<' &&
        !(scratch->text[at + 1] == 'f' && scratch->text[at + 2] == 'r' &&
          scratch->text[at + 3] == 'o')) /* "<frozen …>" */
        return CODE_TEMPORARY;
    return record->code_flags & CO_OPTIMIZED ? CODE_LASTING : CODE_RUNS_ONCE;
}

/* Length and cached hash of a string (the hash stands behind the length in str and in 2.7's string
 * alike). */
static __always_inline __u64 string_fingerprint(struct definition_scratch *scratch,
                                                const struct python_layout *layout, __u64 object)
{
    __u16 length = layout->text.is_bytes ? layout->object.var_size : layout->text.length;

    if (read_string_head(scratch, layout, object))
        return 0;
    return hash_step(head_u64(scratch->header, length & 63),
                     head_u64(scratch->header, (length + 8) & 63));
}

/* Copies the head of a code object to scratch->object. */
static __always_inline int read_code_head(struct definition_scratch *scratch,
                                          const struct python_layout *layout, __u64 code)
{
    __u32 bytes = layout->code.read_bytes;

    barrier_var(bytes);
    if (bytes > CODE_HEAD_BYTES)
        bytes = CODE_HEAD_BYTES;
    return read_user(scratch->object, bytes, code) != 0;
}

/*
 * Tells the code object whose head is in scratch->object from others that were or will be at its
 * address. Never 0. The texts of temporary code are looked at too: names are hashed when they are
 * interned, which names of code objects are; a file name's hash may be missing, its last characters
 * are taken too. Uses scratch->header.
 */
static __always_inline __u64 code_fingerprint(struct definition_scratch *scratch,
                                              const struct python_layout *layout,
                                              enum code_lifetime lifetime)
{
    const __u8 *head = scratch->object;
    __u64 hash, file, length, tail = 0;

    file = head_u64(head, layout->code.file_name);
    hash =
        hash_step(head_u64(head, layout->code.line_table), head_u32(head, layout->code.first_line));
    hash = hash_step(hash_step(hash, file), head_u64(head, layout->code.name));
    if (lifetime == CODE_TEMPORARY) {
        hash =
            hash_step(hash, string_fingerprint(scratch, layout, head_u64(head, layout->code.name)));
        hash = hash_step(hash, string_fingerprint(scratch, layout, file));
        length =
            head_u64(scratch->header,
                     (layout->text.is_bytes ? layout->object.var_size : layout->text.length) & 63);
        if (length >= sizeof(tail) && length < (1u << 28) &&
            !read_user_u64(
                &tail,
                file + (layout->text.is_bytes ? layout->text.bytes_data : layout->text.ascii_data) +
                    length - sizeof(tail)))
            hash = hash_step(hash, tail);
    }
    return hash_finish(hash);
}

enum definition_result {
    DEFINITION_READY,
    DEFINITION_INVALID, /* not a code object */
    DEFINITION_FAULT,   /* the object itself is not readable */
};

static __always_inline int has_all_texts(const struct code_definition_record *record)
{
    return record->name.encoding != TEXT_MISSING && record->file.encoding != TEXT_MISSING &&
           record->table.encoding != TEXT_MISSING;
}

/* The first argument, if the function has no qualified name. A frame's variables begin with its
 * arguments. */
static __always_inline void append_first_argument(struct definition_scratch *scratch,
                                                  const struct python_layout *layout, __u64 frame)
{
    __u64 object = 0, type = 0;

    if (frame && layout->code.qualified_name == LAYOUT_ABSENT &&
        head_u32(scratch->object, layout->code.argument_count) &&
        !read_user_u64(&object, frame + layout->frame.localsplus) && object &&
        read_user_u64(&type, object + layout->object.type))
        type = 0;
    scratch->record.first_argument = object;
    scratch->record.first_argument_type = type;
}

/* Fills scratch->record and scratch->text. space, time and layout index are set by the caller.
 * frame: one that runs the code, or 0. */
static __always_inline enum definition_result define_code(struct definition_scratch *scratch,
                                                          const struct python_layout *layout,
                                                          __u64 code_type, __u64 code, __u64 frame)
{
    struct code_definition_record *record = &scratch->record;
    const __u8 *head = scratch->object;
    __u32 used = 0;

    if (read_code_head(scratch, layout, code))
        return DEFINITION_FAULT;
    if (head_u64(head, layout->object.type) != code_type)
        return DEFINITION_INVALID;

    record->code = code;
    record->first_line = head_u32(head, layout->code.first_line);
    record->code_flags = head_u32(head, layout->code.flags);
    record->first_traceable = head_u32(head, layout->code.first_traceable);
    append_first_argument(scratch, layout, frame);
    append_string(
        scratch, layout, &used, &record->name,
        head_u64(head, layout->code.qualified_name == LAYOUT_ABSENT ? layout->code.name
                                                                    : layout->code.qualified_name));
    append_string(scratch, layout, &used, &record->file, head_u64(head, layout->code.file_name));
    append_bytes(scratch, layout, &used, &record->table, head_u64(head, layout->code.line_table));
    record->header.kind = RECORD_CODE_DEFINITION;
    record->header.size = sizeof(*record) + used;
    return DEFINITION_READY;
}
