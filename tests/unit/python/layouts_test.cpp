// SPDX-License-Identifier: Apache-2.0
// Every layout against the recorded offsets (tests/data/python/cpython_offsets.json), through a
// table of names of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "python/layouts/layout.h"
#include "versions.h"

namespace pyebpf::python {
namespace {

using Json = nlohmann::json;

Json recorded() {
    std::ifstream stream(PYEBPF_TEST_DATA "/python/cpython_offsets.json");
    EXPECT_TRUE(stream);
    return Json::parse(stream);
}

std::string name_of(const python_layout& layout) {
    return std::to_string(layout.major) + "." + std::to_string(layout.minor) +
           (layout.debug_build ? "d" : "") + (layout.free_threaded ? "t" : "");
}

// A field of a layout, and the names that it has had in CPython.
struct Field {
    uint16_t value;
    std::vector<std::pair<const char*, const char*>> names;
};

std::vector<Field> fields_of(const Layout& layout) {
    const python_layout& w = layout.walker;
    return {
        {w.thread_state.interp, {{"tstate", "interp"}}},
        {w.thread_state.frame,
         {{"tstate", "current_frame"}, {"tstate", "frame"}, {"tstate", "cframe"}}},
        {w.thread_state.cframe, {{"tstate", "cframe"}}},
        {w.thread_state.base_frame, {{"tstate", "base_frame"}}},
        {w.thread_state.thread_id, {{"tstate", "thread_id"}}},
        {w.thread_state.native_thread_id, {{"tstate", "native_thread_id"}}},
        {w.thread_state.status, {{"tstate", "_status"}}},
        {w.thread_state.holds_gil, {{"tstate", "holds_gil"}}},
        {w.cframe.current_frame, {{"cframe", "current_frame"}}},
        {w.frame.code,
         {{"iframe", "f_code"}, {"iframe", "f_executable"}, {"PyFrameObject", "f_code"}}},
        {w.frame.previous, {{"iframe", "previous"}, {"PyFrameObject", "f_back"}}},
        {w.frame.instruction,
         {{"iframe", "prev_instr"}, {"iframe", "instr_ptr"}, {"PyFrameObject", "f_lasti"}}},
        {w.frame.owner, {{"iframe", "owner"}}},
        {w.frame.entry, {{"iframe", "is_entry"}}},
        {w.frame.is_generator, {{"PyFrameObject", "f_gen"}}},
        {w.frame.localsplus, {{"iframe", "localsplus"}, {"PyFrameObject", "f_localsplus"}}},
        {w.frame.tlbc_index, {{"iframe", "tlbc_index"}}},
        {w.code.argument_count, {{"PyCodeObject", "co_argcount"}}},
        {w.code.flags, {{"PyCodeObject", "co_flags"}}},
        {w.code.first_line, {{"PyCodeObject", "co_firstlineno"}}},
        {w.code.file_name, {{"PyCodeObject", "co_filename"}}},
        {w.code.name, {{"PyCodeObject", "co_name"}}},
        {w.code.qualified_name, {{"PyCodeObject", "co_qualname"}}},
        {w.code.line_table, {{"PyCodeObject", "co_lnotab"}, {"PyCodeObject", "co_linetable"}}},
        {w.code.first_traceable, {{"PyCodeObject", "_co_firsttraceable"}}},
        {w.code.instructions, {{"PyCodeObject", "co_code_adaptive"}}},
        {w.code.variable_names,
         {{"PyCodeObject", "co_varnames"}, {"PyCodeObject", "co_localsplusnames"}}},
        {w.code.tlbc, {{"PyCodeObject", "co_tlbc"}}},
        {w.object.type, {{"PyObject", "ob_type"}}},
        {w.object.var_size, {{"PyVarObject", "ob_size"}}},
        {w.object.type_name, {{"PyTypeObject", "tp_name"}}},
        {w.text.length, {{"PyASCIIObject", "length"}, {"PyVarObject", "ob_size"}}},
        {w.text.state, {{"PyASCIIObject", "state"}}},
        {w.text.ascii_data, {{"PyASCIIObject", "sizeof"}}},
        {w.text.compact_data, {{"PyCompactUnicodeObject", "sizeof"}}},
        {w.text.bytes_data, {{"PyStringObject", "ob_sval"}, {"PyBytesObject", "ob_sval"}}},
        {w.tuple_items, {{"PyTupleObject", "ob_item"}}},
        {layout.interpreter_next, {{"interp", "next"}}},
        {layout.interpreter_threads, {{"interp", "threads.head"}, {"interp", "tstate_head"}}},
        {layout.thread_next, {{"tstate", "next"}}},
        {layout.type_basic_size, {{"PyTypeObject", "tp_basicsize"}}},
        {layout.type_members, {{"PyTypeObject", "tp_members"}}},
        {layout.code_basic_size,
         {{"PyCodeObject", "co_code_adaptive"}, {"PyCodeObject", "sizeof"}}},
        {layout.classes.function_code, {{"PyFunctionObject", "func_code"}}},
        {layout.classes.function_qualified_name, {{"PyFunctionObject", "func_qualname"}}},
        {layout.classes.type_flags, {{"PyTypeObject", "tp_flags"}}},
        {layout.classes.type_dict, {{"PyTypeObject", "tp_dict"}}},
        {layout.classes.type_mro, {{"PyTypeObject", "tp_mro"}}},
        {layout.classes.heap_type_name,
         {{"PyHeapTypeObject", "ht_qualname"}, {"PyHeapTypeObject", "ht_name"}}},
        {layout.classes.dict_keys, {{"PyDictObject", "ma_keys"}}},
        {layout.classes.dict_values, {{"PyDictObject", "ma_values"}}},
        {layout.classes.dict_mask, {{"PyDictObject", "ma_mask"}}},
        {layout.classes.dict_table, {{"PyDictObject", "ma_table"}}},
        {layout.classes.class_bases, {{"PyClassObject", "cl_bases"}}},
        {layout.classes.class_dict, {{"PyClassObject", "cl_dict"}}},
        {layout.classes.class_name, {{"PyClassObject", "cl_name"}}},
        {layout.classes.instance_class, {{"PyInstanceObject", "in_class"}}},
    };
}

int recorded_value(const Json& groups, const Field& field) {
    for (const auto& [group, name] : field.names) {
        if (groups.contains(group) && groups[group].contains(name)) return groups[group][name];
    }
    return kAbsent;
}

TEST(Layouts, EveryNumberOfEveryBuildIsAsRecorded) {
    const Json data = recorded();
    int compared = 0;
    for (const auto& [major, minor] : kVersions) {
        for (const Layout& layout : layouts_of(major, minor)) {
            const std::string name = name_of(layout.walker);
            ASSERT_TRUE(data["x86_64"].contains(name)) << name;
            for (const Field& field : fields_of(layout)) {
                EXPECT_EQ(field.value, recorded_value(data["x86_64"][name], field))
                    << name << ' ' << field.names[0].second;
                ++compared;
            }
        }
    }
    EXPECT_GE(compared, 17 * 40);
}

TEST(Layouts, RuntimeOffsetsOfBothArchitecturesAreAsRecorded) {
    const Json data = recorded();
    for (const auto& [major, minor] : kVersions) {
        for (const Layout& layout : layouts_of(major, minor)) {
            const std::string name = name_of(layout.walker);
            Json numbers = data["x86_64"][name].value("runtime", Json::object());
            const auto number = [&](const char* one, const char* other) {
                return numbers.contains(one) ? numbers[one].get<int>()
                                             : numbers.value(other, static_cast<int>(kAbsent));
            };
            const auto expect = [&](const RuntimeOffsets& offsets) {
                EXPECT_EQ(offsets.interpreters_head, number("interpreters.head", "")) << name;
                EXPECT_EQ(offsets.current_thread_state, number("gilstate.tstate_current", ""))
                    << name;
                EXPECT_EQ(offsets.auto_key, number("autoTSSkey._key", "gilstate.autoTSSkey._key"))
                    << name;
            };
            expect(layout.runtime_x86_64);
            // The runtime's structures are the same in a debug build of 3.7, which has no record of
            // its own.
            const std::string recorded_name = name == "3.7d" ? "3.7" : name;
            const Json delta = data["arm64_delta"].value(recorded_name, Json::object());
            for (const auto& [field, value] : delta.items()) {
                ASSERT_EQ(field.rfind("runtime.", 0), 0U) << "arm64 differs in " << field;
                numbers[field.substr(8)] = value;
            }
            expect(layout.runtime_arm64);
        }
    }
}

TEST(Layouts, Arm64DiffersWhereAMutexIsBefore) {
    // 3.7 - 3.11: glibc's pthread_mutex_t is 8 bytes larger there (48 against 40), and the GIL has
    // two of them.
    for (const int minor : {7, 8, 9, 10, 11}) {
        const Layout& layout = layouts_of(3, minor)[0];
        EXPECT_EQ(layout.runtime_arm64.auto_key, layout.runtime_x86_64.auto_key + 16) << minor;
        EXPECT_EQ(layout.runtime_arm64.current_thread_state,
                  layout.runtime_x86_64.current_thread_state + 16)
            << minor;
    }
}

TEST(Layouts, BuildsThatDifferHaveTheirOwn) {
    for (const auto& [major, minor] : kVersions) {
        const std::span<const Layout> builds = layouts_of(major, minor);
        ASSERT_FALSE(builds.empty()) << major << '.' << minor;
        const bool has_debug =
            std::ranges::any_of(builds, [](const Layout& one) { return one.walker.debug_build; });
        const bool has_free_threaded =
            std::ranges::any_of(builds, [](const Layout& one) { return one.walker.free_threaded; });
        EXPECT_EQ(has_debug, major == 2 || minor <= 7) << major << '.' << minor;
        EXPECT_EQ(has_free_threaded, major == 3 && minor >= 13) << major << '.' << minor;
    }
}

TEST(Layouts, FreeThreadedObjectsHaveTheirLargerHeader) {
    for (const int minor : {13, 14, 15}) {
        const Layout& layout = layouts_of(3, minor)[1];
        ASSERT_TRUE(layout.walker.free_threaded);
        EXPECT_EQ(layout.walker.object.type, 24);
        EXPECT_EQ(layout.walker.text.kind_shift, minor == 13 ? 2 : 8);
        EXPECT_EQ(layout.walker.text.ascii_bit, minor == 13 ? 0x40U : 0x1000U);
        EXPECT_EQ(layout.walker.frame.tlbc_index == kAbsent, minor == 13);
    }
}

TEST(Layouts, DebugOffsetPositionsAreAsRecorded) {
    const Json data = recorded();
    for (const int minor : {13, 14, 15}) {
        for (const Layout& layout : layouts_of(3, minor)) {
            const Json& positions =
                data["x86_64"][name_of(layout.walker)]["_Py_DebugOffsets_field_positions"];
            const DebugOffsetPositions& ours = layout.debug_offsets;
            EXPECT_EQ(ours.version, positions["version"]);
            EXPECT_EQ(ours.free_threaded, positions["free_threaded"]);
            EXPECT_EQ(ours.interpreter_state_threads_head,
                      positions["interpreter_state.threads_head"]);
            EXPECT_EQ(ours.thread_state_current_frame, positions["thread_state.current_frame"]);
            EXPECT_EQ(ours.interpreter_frame_owner, positions["interpreter_frame.owner"]);
            EXPECT_EQ(ours.code_object_co_code_adaptive, positions["code_object.co_code_adaptive"]);
            EXPECT_EQ(ours.unicode_object_asciiobject_size,
                      positions["unicode_object.asciiobject_size"]);
            EXPECT_EQ(ours.bytes_object_ob_sval, positions["bytes_object.ob_sval"]);
            EXPECT_EQ(ours.size, data["x86_64"][name_of(layout.walker)]["dbg"]["sizeof"]);
        }
    }
    EXPECT_EQ(layouts_of(3, 12)[0].debug_offsets.size, 0);
}

TEST(Layouts, UnknownVersionsHaveNone) {
    EXPECT_TRUE(layouts_of(2, 6).empty());
    EXPECT_TRUE(layouts_of(3, 5).empty());
    EXPECT_TRUE(layouts_of(3, 16).empty());
    EXPECT_TRUE(is_newer_than_known(3, 16));
    EXPECT_FALSE(is_newer_than_known(3, 5));
    EXPECT_EQ(known_versions(), "2.7, 3.6 to 3.15");
}

}  // namespace
}  // namespace pyebpf::python
