// SPDX-License-Identifier: Apache-2.0
// inspect() on images of every version and build, and on damaged and hostile ones. Real
// interpreters are checked by runtime_live.cpp.
#include "python/runtime.h"

#include <gtest/gtest.h>

#include <random>

#include "python/debug_offsets.h"
#include "python/layouts/layout.h"
#include "python/runtime_version.h"
#include "runtime_image.h"
#include "versions.h"

namespace pyebpf::python {
namespace {

using Bytes = std::vector<uint8_t>;

// The debug-offsets table's position and value of each field that a layout has a number for.
std::vector<std::pair<uint16_t, uint64_t>> table_fields(const Layout& layout) {
    const DebugOffsetPositions& at = layout.debug_offsets;
    const python_layout& w = layout.walker;
    std::vector<std::pair<uint16_t, uint64_t>> fields = {
        {at.runtime_state_interpreters_head, layout.runtime_x86_64.interpreters_head},
        {at.interpreter_state_size, 250000},
        {at.interpreter_state_next, layout.interpreter_next},
        {at.interpreter_state_threads_head, layout.interpreter_threads},
        {at.thread_state_size, 900},
        {at.thread_state_next, layout.thread_next},
        {at.thread_state_interp, w.thread_state.interp},
        {at.thread_state_current_frame, w.thread_state.frame},
        {at.thread_state_base_frame, w.thread_state.base_frame},
        {at.thread_state_thread_id, w.thread_state.thread_id},
        {at.thread_state_native_thread_id, w.thread_state.native_thread_id},
        {at.thread_state_status, w.thread_state.status},
        {at.thread_state_holds_gil, w.thread_state.holds_gil},
        {at.interpreter_frame_size, 88},
        {at.interpreter_frame_previous, w.frame.previous},
        {at.interpreter_frame_executable, w.frame.code},
        {at.interpreter_frame_instr_ptr, w.frame.instruction},
        {at.interpreter_frame_localsplus, w.frame.localsplus},
        {at.interpreter_frame_owner, w.frame.owner},
        {at.code_object_size, layout.code_basic_size + 8U},
        {at.code_object_filename, w.code.file_name},
        {at.code_object_name, w.code.name},
        {at.code_object_qualname, w.code.qualified_name},
        {at.code_object_linetable, w.code.line_table},
        {at.code_object_firstlineno, w.code.first_line},
        {at.code_object_localsplusnames, w.code.variable_names},
        {at.code_object_co_code_adaptive, w.code.instructions},
        {at.pyobject_ob_type, w.object.type},
        {at.type_object_tp_name, w.object.type_name},
        {at.tuple_object_ob_item, w.tuple_items},
        {at.bytes_object_ob_size, w.object.var_size},
        {at.bytes_object_ob_sval, w.text.bytes_data},
        {at.unicode_object_state, w.text.state},
        {at.unicode_object_length, w.text.length},
        {at.unicode_object_asciiobject_size, w.text.ascii_data},
        {at.unicode_object_compactunicodeobject_size, w.text.compact_data},
    };
    if (w.free_threaded != 0) {
        fields.emplace_back(at.interpreter_frame_tlbc_index, w.frame.tlbc_index);
        fields.emplace_back(at.code_object_co_tlbc, w.code.tlbc);
    }
    std::erase_if(fields, [](const auto& field) { return field.first == kAbsent; });
    return fields;
}

// A runtime as `layout` describes it, whose parts a test may then change.
struct Fake {
    RuntimeImage image;
    uint64_t code_type = 0;
    uint64_t runtime_state = 0;
    uint64_t version_word = 0;
    uint64_t name_member = 0;
    std::string path_hint;

    explicit Fake(const Layout& layout) {
        const python_layout& walker = layout.walker;
        path_hint =
            "/opt/bin/python" + std::to_string(walker.major) + "." + std::to_string(walker.minor);
        add_eval(walker.major == 2 ? "PyEval_EvalFrameEx" : "_PyEval_EvalFrameDefault");
        add_code_type(layout);
        if (walker.major == 3 && walker.minor >= 7) add_runtime_state(layout);
        if (walker.major == 3 && walker.minor >= 11) {
            version_word = image.add_zeros(8);
            image.set<uint64_t>(version_word, hex(walker.minor, 2, 0xf0));
            image.symbol("Py_Version", version_word, 8);
        }
        if (walker.major == 2 || walker.minor == 6) add_static_variables();
        if (walker.major == 3 && walker.minor >= 12) {
            image.tls(24);
            add_accessor("_PyThreadState_GetCurrent", 0xf0);                              // -16
            if (walker.minor >= 15) add_accessor("PyGILState_GetThisThreadState", 0xe8);  // -24
        }
    }

    static uint64_t hex(int minor, int micro, int level) {
        return 0x03000000U | static_cast<uint64_t>(minor) << 16 |
               static_cast<uint64_t>(micro) << 8 | static_cast<uint64_t>(level);
    }
    void set_table_version(uint64_t version) { image.set<uint64_t>(runtime_state + 8, version); }
    [[nodiscard]] Inspection inspected() const { return inspect(*image.build(), path_hint); }
    [[nodiscard]] std::string reason() const {
        const Inspection inspection = inspected();
        return inspection.unsupported ? inspection.unsupported->reason : "";
    }

  private:
    void add_eval(const char* name) { image.symbol(name, image.add(Bytes(64, 0xc3)), 64); }
    void add_code_type(const Layout& layout) {
        code_type = image.add_zeros(512);
        image.symbol("PyCode_Type", code_type, 512);
        image.set<uint64_t>(code_type + layout.type_basic_size, layout.code_basic_size);
        const uint64_t members = image.add_zeros(3 * 40);
        const uint64_t argcount = image.add_text("co_argcount");
        const uint64_t name = image.add_text("co_name");
        image.set<uint64_t>(members, argcount).set<uint64_t>(members + 16, 12345);
        name_member = members + 40;
        image.relocation(name_member, R_X86_64_RELATIVE, static_cast<int64_t>(name));
        image.set<uint64_t>(name_member + 16, layout.walker.code.name);
        image.relocation(code_type + layout.type_members, R_X86_64_RELATIVE,
                         static_cast<int64_t>(members));
    }
    void add_runtime_state(const Layout& layout) {
        runtime_state = image.add_zeros(4096);
        image.symbol("_PyRuntime", runtime_state, 4096);
        if (layout.debug_offsets.size == 0) return;
        image.set<uint64_t>(runtime_state, 0x7970677562656478);  // "xdebugpy"
        set_table_version(hex(layout.walker.minor, 2, 0xf0));
        image.set<uint64_t>(runtime_state + 16, layout.walker.free_threaded);
        for (const auto& [position, value] : table_fields(layout)) {
            image.set<uint64_t>(runtime_state + position, value);
        }
    }
    void add_static_variables() {
        image.symbol("_PyThreadState_Current", image.add_zeros(8), 8);
        const uint64_t function = image.next() + 16;
        const uint64_t head = image.add_zeros(16);
        const auto distance = static_cast<uint32_t>(head - (function + 7));
        Bytes code{0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3};
        std::memcpy(code.data() + 3, &distance, 4);
        image.symbol("PyInterpreterState_Head", image.add(code), code.size());
    }
    void add_accessor(const char* name, uint8_t offset) {
        const Bytes code{0x64, 0x48, 0x8b, 0x04, 0x25, offset, 0xff, 0xff, 0xff, 0xc3};
        image.symbol(name, image.add(code), code.size());
    }
};

const Layout& release(int minor) {
    return layouts_of(3, minor)[0];
}

bool same(const python_layout& one, const python_layout& other) {
    return std::memcmp(&one, &other, sizeof(one)) == 0;
}

TEST(Inspect, EveryVersionAndBuildIsRecognized) {
    for (const auto& [major, minor] : kVersions) {
        for (const Layout& layout : layouts_of(major, minor)) {
            const Fake fake(layout);
            const Inspection inspection = fake.inspected();
            ASSERT_TRUE(inspection.runtime) << major << '.' << minor << ' ' << fake.reason();
            const Runtime& runtime = *inspection.runtime;
            EXPECT_EQ(runtime.version.major, major);
            EXPECT_EQ(runtime.version.minor, minor);
            EXPECT_TRUE(same(runtime.layout, layout.walker)) << major << '.' << minor;
            ASSERT_EQ(runtime.eval_ranges.size(), 1U);
            EXPECT_EQ(runtime.eval_ranges[0].end - runtime.eval_ranges[0].begin, 64U);
            uint32_t expected = THREAD_STATE_LISTED;
            if (major == 2 || minor <= 11) expected |= THREAD_STATE_CURRENT;
            if (minor >= 7 && minor <= 14 && major == 3) expected |= THREAD_STATE_KEY;
            if (minor >= 12) expected |= THREAD_STATE_TLS;
            if (minor >= 15) expected |= THREAD_STATE_TLS_GILSTATE;
            EXPECT_EQ(runtime.sources, expected) << major << '.' << minor;
            EXPECT_EQ(runtime.tls_offset, minor >= 12 ? -16 : 0);
            EXPECT_EQ(runtime.tls_gilstate_offset, minor >= 15 ? -24 : 0);
        }
    }
}

TEST(Inspect, RuntimeAddressesOfArm64) {
    const Layout& layout = release(9);
    Fake fake(layout);
    fake.image.machine(EM_AARCH64);
    const Inspection inspection = fake.inspected();
    ASSERT_TRUE(inspection.runtime) << fake.reason();
    EXPECT_EQ(inspection.runtime->key_address - StatedAddress{fake.runtime_state}, 604U);
    EXPECT_EQ(inspection.runtime->current_address - StatedAddress{fake.runtime_state}, 584U);
}

TEST(Inspect, FileWithoutTheLoopIsNoRuntime) {
    RuntimeImage image;
    image.symbol("main", image.add(Bytes(16, 0xc3)), 16);
    const Inspection inspection = inspect(*image.build(), "/usr/bin/python3.12");
    EXPECT_FALSE(inspection.is_python);
    EXPECT_FALSE(inspection.runtime);
    EXPECT_FALSE(inspection.unsupported);
}

TEST(Inspect, StrippedStaticRuntimeIsNamed) {
    RuntimeImage image;
    image.section(".PyRuntime", image.add_zeros(4096), 4096);
    const Inspection inspection = inspect(*image.build(), "python3.12");
    EXPECT_TRUE(inspection.is_python);
    ASSERT_TRUE(inspection.unsupported);
    EXPECT_EQ(inspection.unsupported->reason, "CPython 3.12: it does not export PyCode_Type");
}

TEST(Inspect, NewerVersionIsRefusedByName) {
    Fake fake(release(15));
    fake.set_table_version(Fake::hex(16, 0, 0xf0));
    EXPECT_EQ(fake.reason(), "CPython 3.16.0 is newer than this pyebpf knows (2.7, 3.6 to 3.15)");
}

TEST(Inspect, OlderVersionIsRefusedByName) {
    Fake fake(release(9));
    fake.path_hint = "/usr/bin/python3.4";
    EXPECT_EQ(fake.reason(),
              "CPython 3.4 is not one of those that pyebpf knows (2.7, 3.6 to 3.15)");
}

TEST(Inspect, PreReleaseIsRefused) {
    Fake fake(release(14));
    fake.set_table_version(Fake::hex(14, 0, 0xa3));
    EXPECT_EQ(fake.reason(), "CPython 3.14.0 is a pre-release, whose layout is not final");
    fake.set_table_version(Fake::hex(14, 0, 0xc1));
    EXPECT_TRUE(fake.inspected().runtime);
}

TEST(Inspect, OtherSizeOfCodeObjectsIsRefused) {
    Fake fake(release(11));
    fake.image.set<uint64_t>(fake.code_type + release(11).type_basic_size, 192);
    EXPECT_NE(fake.reason().find("another size"), std::string::npos) << fake.reason();
}

TEST(Inspect, MovedCodeMemberIsRefused) {
    Fake fake(release(10));
    fake.image.set<uint64_t>(fake.name_member + 16, 120);
    EXPECT_EQ(fake.reason(),
              "CPython 3.10: its code objects have co_name at 120 instead of 112: it is a modified "
              "CPython");
}

TEST(Inspect, FreeThreadedTableOfAGilBuildIsRefused) {
    Fake fake(release(14));
    fake.image.set<uint64_t>(fake.runtime_state + 16, 1);
    EXPECT_FALSE(fake.inspected().runtime);
}

TEST(DebugOffsets, MissingTableIsRefused) {
    Fake fake(release(13));
    fake.image.set<uint64_t>(fake.runtime_state, 0);
    EXPECT_EQ(fake.reason(), "CPython 3.13.2: it has no debug-offsets table");
}

TEST(DebugOffsets, TableOverridesTheLayout) {
    const Layout& layout = release(14);
    Fake fake(layout);
    fake.image.set<uint64_t>(fake.runtime_state + layout.debug_offsets.thread_state_thread_id, 168);
    fake.image.set<uint64_t>(
        fake.runtime_state + layout.debug_offsets.runtime_state_interpreters_head, 816);
    const Inspection inspection = fake.inspected();
    ASSERT_TRUE(inspection.runtime) << fake.reason();
    EXPECT_EQ(inspection.runtime->layout.thread_state.thread_id, 168);
    EXPECT_EQ(inspection.runtime->interpreters_head - StatedAddress{fake.runtime_state}, 816U);
}

TEST(DebugOffsets, TableThatContradictsTheCodeTypeIsRefused) {
    const Layout& layout = release(15);
    Fake fake(layout);
    fake.image.set<uint64_t>(fake.runtime_state + layout.debug_offsets.code_object_name, 128);
    EXPECT_NE(fake.reason().find("co_name at 120 instead of 128"), std::string::npos)
        << fake.reason();
}

TEST(DebugOffsets, EveryFieldIsBounded) {
    for (const int minor : {13, 14, 15}) {
        for (const Layout& layout : layouts_of(3, minor)) {
            for (const auto& [position, value] : table_fields(layout)) {
                for (const uint64_t hostile :
                     {uint64_t{1} << 24, uint64_t{0xffffffff}, UINT64_MAX, uint64_t{1} << 63}) {
                    Fake fake(layout);
                    fake.image.set<uint64_t>(fake.runtime_state + position, hostile);
                    EXPECT_NE(fake.reason().find("its debug-offsets table says"), std::string::npos)
                        << minor << " position " << position << ' ' << fake.reason();
                }
            }
        }
    }
}

TEST(DebugOffsets, EmptyStructuresAreRefused) {
    const Layout& layout = release(14);
    const DebugOffsetPositions& at = layout.debug_offsets;
    for (const uint16_t position : {at.interpreter_state_size, at.thread_state_size,
                                    at.interpreter_frame_size, at.code_object_size}) {
        Fake fake(layout);
        fake.image.set<uint64_t>(fake.runtime_state + position, 0);
        EXPECT_NE(fake.reason().find("its debug-offsets table says 0 for"), std::string::npos)
            << fake.reason();
    }
}

TEST(DebugOffsets, CutOffTableIsRefused) {
    RuntimeImage image;
    const uint64_t table = image.add_zeros(24);
    image.set<uint64_t>(table, 0x7970677562656478).set<uint64_t>(table + 8, 0x030d00f0);
    Runtime runtime;
    const Layout& layout = release(13);
    runtime.layout = layout.walker;
    // The image ends a few hundred bytes after the table, in its symbols.
    const auto applied = apply_debug_offsets(*image.build(), {table}, layout, runtime);
    EXPECT_FALSE(applied);
}

// Whatever the table says: a runtime that passes keeps the walker's bounds.
TEST(DebugOffsets, ArbitraryTablesKeepTheWalkersBounds) {
    std::mt19937_64 random(5);
    const Layout& layout = layouts_of(3, 14)[1];
    int accepted = 0;
    for (int round = 0; round < 2000; ++round) {
        Fake fake(layout);
        for (const auto& [position, value] : table_fields(layout)) {
            if (random() % 4 == 0)
                fake.image.set<uint64_t>(fake.runtime_state + position, random() % 300);
        }
        const auto file = fake.image.build();
        Runtime runtime;
        runtime.layout = layout.walker;
        if (!apply_debug_offsets(*file, {fake.runtime_state}, layout, runtime)) continue;
        ++accepted;
        const auto& frame = runtime.layout.frame;
        EXPECT_LT(frame.read_bytes, 128);
        for (const uint16_t offset : {frame.code, frame.previous, frame.instruction}) {
            EXPECT_GE(offset, frame.first_read);
            EXPECT_LE(offset + 8, frame.first_read + frame.read_bytes);
        }
        const auto& code = runtime.layout.code;
        EXPECT_LE(code.read_bytes, 256);
        for (const uint16_t offset :
             {code.name, code.qualified_name, code.file_name, code.line_table}) {
            EXPECT_LE(offset + 8, code.read_bytes);
        }
    }
    EXPECT_GT(accepted, 0);
}

TEST(Version, OfFileNames) {
    const auto text = [](std::string_view name) {
        const auto version = version_of_file_name(name);
        return version ? version->to_string() : "none";
    };
    EXPECT_EQ(text("/usr/lib/libpython3.7m.so.1.0"), "3.7");
    EXPECT_EQ(text("/usr/bin/python2.7"), "2.7");
    EXPECT_EQ(text("python3.11-dbg"), "3.11");
    EXPECT_EQ(text("/usr/bin/python3"), "none");
    EXPECT_EQ(text("/opt/python3.9/bin/server"), "none");
    EXPECT_EQ(text("libpython3.so"), "none");
    EXPECT_EQ(text("python3.99999"), "none");
    EXPECT_EQ(text(""), "none");
}

// "3.2.0" is the Unicode database that every CPython carries for IDNA.
TEST(Version, FromConstants) {
    Fake fake(release(9));
    fake.path_hint = "/opt/app/renamed";
    const uint64_t begin = fake.image.add_text("3.2.0");
    fake.image.add_text("/src/versions/3.9.18");
    fake.image.section(".rodata", begin, fake.image.next(1) - begin);
    const Inspection inspection = fake.inspected();
    ASSERT_TRUE(inspection.runtime) << fake.reason();
    EXPECT_EQ(inspection.runtime->version.to_string(), "3.9.18");
}

TEST(Version, UnknownIsSaid) {
    Fake fake(release(9));
    fake.path_hint = "/opt/app/renamed";
    EXPECT_EQ(fake.reason(), "the file does not say which CPython it contains");
}

}  // namespace
}  // namespace pyebpf::python
