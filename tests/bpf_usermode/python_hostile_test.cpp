// SPDX-License-Identifier: Apache-2.0
// The Python walker over made-up memory of every version: chains that do not end, lead nowhere or
// lie, and texts that lie about their size. It stops, says how, and keeps what was right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "python/layouts/layout.h"
#include "tests/bpf_usermode/python_replay.h"

namespace pyebpf::test {
namespace {

constexpr uint64_t kThreadPointer = 0x7f0000001000;
constexpr uint64_t kThreadState = 0x7f0000100000;
constexpr uint64_t kCFrame = 0x7ffc00000100;
constexpr uint64_t kStackPointer = 0x7ffc00000000;
constexpr uint64_t kFrames = 0x7f0000200000;
constexpr uint64_t kFrameBytes = 0x100;
constexpr uint64_t kCode = 0x7f0000300000;
constexpr uint64_t kCodeType = 0x7f0000310000;
constexpr uint64_t kTexts = 0x7f0000320000;
constexpr uint64_t kNowhere = 0x7f1000000000;

// A thread of one build of CPython, whose frames are filled in by the test.
class MadeUpThread {
  public:
    explicit MadeUpThread(const python_layout& layout) {
        thread_.layout = layout;
        thread_.layout.thread_state_bytes = 256;
        thread_.thread_pointer = kThreadPointer;
        thread_.stack_pointer = kStackPointer;
        thread_.by_list = kThreadState;
        thread_.process.sources = THREAD_STATE_LISTED;
        thread_.process.code_type = kCodeType;
        add_space(kThreadState, 256);
        add_space(kCFrame, 64);
        add_space(kCode, 512);
        add_space(kTexts, 0x4000);
        put(kThreadState, layout.thread_state.thread_id, kThreadPointer);
        put(kThreadState, layout.thread_state.interp, kNowhere);
        set_leaf(frame(0));
        put(kCode, layout.object.type, kCodeType);
        add_frames(4);
    }

    static uint64_t frame(uint64_t number) { return kFrames + number * kFrameBytes; }
    // A chain of frames, 0 is the leaf.
    void add_frames(uint64_t count) {
        add_space(frame(0) & ~0xfffull, (count * kFrameBytes + 0xfff) & ~0xfffull);
        for (uint64_t i = 0; i < count; ++i) {
            put(frame(i), layout().frame.previous, i + 1 < count ? frame(i + 1) : 0);
            put(frame(i), layout().frame.code, kCode);
        }
    }
    void set_leaf(uint64_t address) {
        if (layout().cframe.current_frame != LAYOUT_ABSENT) {
            put(kThreadState, layout().thread_state.frame, kCFrame);
            put(kCFrame, layout().cframe.current_frame, address);
        } else {
            put(kThreadState, layout().thread_state.frame, address);
        }
    }
    void set_previous(uint64_t number, uint64_t address) {
        put(frame(number), layout().frame.previous, address);
    }
    void put(uint64_t object, uint64_t offset, uint64_t value) {
        memory_.put(object + offset, value);
    }
    void put_u32(uint64_t object, uint64_t offset, uint32_t value) {
        memory_.put(object + offset, value);
    }
    void add_space(uint64_t address, uint64_t bytes) {
        memory_.add(address, std::vector<uint8_t>(bytes));
    }

    // A name of the code object with a state and a length of its own. Its characters are 'a'.
    void set_name(uint64_t length, uint32_t kind, bool is_ascii) {
        const auto& code = layout().code;
        put(kCode, code.qualified_name == LAYOUT_ABSENT ? code.name : code.qualified_name, kTexts);
        memory_.add(kTexts, std::vector<uint8_t>(0x2000, 'a'));
        if (layout().text.is_bytes != 0) {
            put(kTexts, layout().object.var_size, length);
            return;
        }
        put(kTexts, layout().text.length, length);
        const uint32_t ascii = is_ascii ? layout().text.ascii_bit : 0;
        put_u32(kTexts, layout().text.state,
                kind << layout().text.kind_shift | layout().text.compact_bit | ascii);
    }
    void set_line_table(uint64_t length) {
        put(kCode, layout().code.line_table, kTexts + 0x2000);
        put(kTexts + 0x2000, layout().object.var_size, length);
    }

    PythonReplay replay() { return replay_python(thread_, memory_); }
    code_definition_record definition() {
        const PythonReplay found = replay();
        code_definition_record record{};
        const auto& bytes = found.definitions.at(kCode).record;
        if (bytes.size() >= sizeof(record)) std::memcpy(&record, bytes.data(), sizeof(record));
        return record;
    }
    [[nodiscard]] const python_layout& layout() const { return thread_.layout; }
    python_thread& thread() { return thread_; }
    ImageMemory& memory() { return memory_; }

  private:
    python_thread thread_{};
    ImageMemory memory_;
};

std::vector<python_layout> all_layouts() {
    std::vector<python_layout> layouts;
    for (const auto& [major, minor] : {std::pair{2, 7},
                                       {3, 6},
                                       {3, 7},
                                       {3, 8},
                                       {3, 9},
                                       {3, 10},
                                       {3, 11},
                                       {3, 12},
                                       {3, 13},
                                       {3, 14},
                                       {3, 15}}) {
        for (const python::Layout& layout : python::layouts_of(major, minor))
            layouts.push_back(layout.walker);
    }
    return layouts;
}

class HostilePython : public ::testing::TestWithParam<python_layout> {};
INSTANTIATE_TEST_SUITE_P(Layouts, HostilePython, ::testing::ValuesIn(all_layouts()),
                         [](const auto& layout) {
                             const python_layout& l = layout.param;
                             return std::to_string(l.major) + "_" + std::to_string(l.minor) +
                                    (l.debug_build != 0 ? "_debug" : "") +
                                    (l.free_threaded != 0 ? "_free_threaded" : "");
                         });

TEST_P(HostilePython, WalksAChain) {
    MadeUpThread thread(GetParam());
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_COMPLETE);
    EXPECT_EQ(replay.frames.size(), 2 * 4u);
    EXPECT_EQ(replay.frames.front(), kCode);
}

TEST_P(HostilePython, WalksAChainAcrossPages) {
    MadeUpThread thread(GetParam());
    thread.add_frames(200);
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_COMPLETE);
    EXPECT_EQ(replay.frames.size(), 2 * 200u);
    EXPECT_EQ(replay.read_faults, 0u);
}

TEST_P(HostilePython, ReadsAFrameThatStraddlesPages) {
    MadeUpThread thread(GetParam());
    const uint64_t straddling = kFrames + 0x1000 - 32;
    thread.add_space(kFrames, 0x2000);
    thread.put(straddling, thread.layout().frame.code, kCode);
    thread.put(straddling, thread.layout().frame.previous, 0);
    thread.set_leaf(straddling);
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_COMPLETE);
    EXPECT_EQ(replay.frames.size(), 2u);
    EXPECT_EQ(replay.frames.front(), kCode);
}

TEST_P(HostilePython, AThreadStateWithoutFramesHasNone) {
    MadeUpThread thread(GetParam());
    thread.set_leaf(0);
    EXPECT_EQ(thread.replay().outcome, PYTHON_NO_FRAMES);
}

TEST_P(HostilePython, ACycleEndsAtTheLimit) {
    MadeUpThread thread(GetParam());
    thread.set_previous(3, MadeUpThread::frame(1));
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_TRUNCATED);
    EXPECT_EQ(replay.links.size(), size_t{MAX_PYTHON_FRAMES});
}

TEST_P(HostilePython, AFrameThatIsItsOwnCallerIsABadChain) {
    MadeUpThread thread(GetParam());
    thread.set_previous(2, MadeUpThread::frame(2));
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_BAD_CHAIN);
    EXPECT_EQ(replay.frames.size(), 2 * 2u);
}

TEST_P(HostilePython, AddressesThatCannotBeFramesAreABadChain) {
    for (const uint64_t address : std::initializer_list<uint64_t>{
             uint64_t{1}, MadeUpThread::frame(3) + 4, uint64_t{USER_ADDRESS_MAX}, ~0ull - 7,
             0xffff800000000000ull}) {
        MadeUpThread thread(GetParam());
        thread.set_previous(2, address);
        const PythonReplay replay = thread.replay();
        EXPECT_EQ(replay.outcome, PYTHON_BAD_CHAIN) << std::hex << address;
        EXPECT_EQ(replay.frames.size(), 2 * 3u);
    }
}

TEST_P(HostilePython, AnAbsentFrameIsAFaultAndKeepsTheFramesAbove) {
    for (const uint64_t address :
         std::initializer_list<uint64_t>{kNowhere, uint64_t{8}, uint64_t{USER_ADDRESS_MAX} - 8}) {
        MadeUpThread thread(GetParam());
        thread.set_previous(2, address);
        const PythonReplay replay = thread.replay();
        EXPECT_EQ(replay.outcome, PYTHON_FAULT_FRAME) << std::hex << address;
        EXPECT_EQ(replay.frames.size(), 2 * 3u);
        EXPECT_EQ(replay.read_faults, 1u);
    }
}

TEST_P(HostilePython, TheThreadStateOfAnotherThreadIsRefused) {
    MadeUpThread thread(GetParam());
    thread.thread().thread_pointer += 8;
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_NO_THREAD_STATE);
    EXPECT_TRUE(replay.links.empty());
}

TEST_P(HostilePython, AThreadStateThatIsBeingFreedIsRefused) {
    MadeUpThread thread(GetParam());
    thread.put(kThreadState, thread.layout().thread_state.interp, 0);
    EXPECT_EQ(thread.replay().outcome, PYTHON_NO_THREAD_STATE);
}

TEST_P(HostilePython, AnAbsentThreadStateIsAFault) {
    MadeUpThread thread(GetParam());
    thread.thread().by_list = kNowhere;
    EXPECT_EQ(thread.replay().outcome, PYTHON_FAULT_THREAD_STATE);
}

TEST_P(HostilePython, OtherObjectsAreNotDefined) {
    MadeUpThread thread(GetParam());
    thread.put(kCode, thread.layout().object.type, kCodeType + 8);
    EXPECT_EQ(thread.replay().definitions.at(kCode).outcome, CODE_INVALID);
}

TEST_P(HostilePython, CodePointersToNowhereAreNotDefined) {
    MadeUpThread thread(GetParam());
    thread.put(MadeUpThread::frame(0), thread.layout().frame.code, kNowhere);
    const PythonReplay replay = thread.replay();
    EXPECT_EQ(replay.outcome, PYTHON_COMPLETE);
    EXPECT_EQ(replay.definitions.at(kNowhere).outcome, CODE_UNREADABLE);
}

TEST_P(HostilePython, LongNamesAreCut) {
    MadeUpThread thread(GetParam());
    thread.set_name(5000, 1, true);
    const code_definition_record record = thread.definition();
    EXPECT_EQ(record.name.length, 5000u);
    EXPECT_EQ(record.name.stored, MAX_NAME_BYTES);
    EXPECT_EQ(record.name.encoding, TEXT_BYTES);
}

TEST_P(HostilePython, ImpossibleLengthsHaveNoText) {
    for (const uint64_t length :
         std::initializer_list<uint64_t>{1ull << 29, 1ull << 63, ~0ull, ~0ull - 7}) {
        MadeUpThread thread(GetParam());
        thread.set_name(length, 1, true);
        thread.set_line_table(length);
        const code_definition_record record = thread.definition();
        EXPECT_EQ(record.name.stored, 0) << length;
        EXPECT_EQ(record.name.encoding, TEXT_MISSING);
        EXPECT_EQ(record.table.stored, 0);
        EXPECT_EQ(record.table.encoding, TEXT_MISSING);
    }
}

TEST_P(HostilePython, WideNamesAreCutByBytes) {
    const bool has_widths = GetParam().text.is_bytes == 0;  // 2.7: names are bytes
    for (const auto& [kind, encoding] :
         {std::pair{1u, TEXT_LATIN1}, {2u, TEXT_UCS2}, {4u, TEXT_UCS4}}) {
        MadeUpThread thread(GetParam());
        thread.set_name(1000, kind, false);
        const code_definition_record record = thread.definition();
        EXPECT_EQ(record.name.encoding, has_widths ? encoding : TEXT_BYTES);
        EXPECT_EQ(record.name.length, 1000u);
        EXPECT_EQ(record.name.stored,
                  has_widths ? std::min(1000 * kind, unsigned{MAX_NAME_BYTES}) : 1000u);
    }
    for (const uint32_t kind : {0u, 3u, 5u, 6u, 7u}) {
        MadeUpThread thread(GetParam());
        thread.set_name(10, kind, false);
        EXPECT_EQ(thread.definition().name.encoding, has_widths ? TEXT_MISSING : TEXT_BYTES)
            << kind;
    }
}

TEST_P(HostilePython, TheLongestTextsFitTheRecord) {
    MadeUpThread thread(GetParam());
    thread.set_name(1u << 28, 1, true);
    thread.put(kCode, thread.layout().code.file_name, kTexts);
    thread.add_space(kTexts + 0x2000, 0x4000);
    thread.set_line_table(1u << 28);
    const PythonReplay replay = thread.replay();
    const code_definition_record record = thread.definition();
    EXPECT_EQ(record.table.stored, MAX_TABLE_BYTES);
    EXPECT_EQ(record.file.stored, MAX_FILE_BYTES);
    EXPECT_EQ(record.header.size,
              sizeof(record) + MAX_NAME_BYTES + MAX_FILE_BYTES + MAX_TABLE_BYTES);
    EXPECT_EQ(replay.definitions.at(kCode).record.size(), record.header.size);
}

TEST_P(HostilePython, TheFirstArgumentIsDefinedWhereThereIsNoQualifiedName) {
    constexpr uint64_t kObject = 0x7f0000330000;
    constexpr uint64_t kFrame = 0x7f0000340000;
    const bool is_wanted = GetParam().code.qualified_name == LAYOUT_ABSENT;
    const auto first_argument = [](uint32_t arguments, uint64_t object, uint64_t frame) {
        MadeUpThread thread(GetParam());
        thread.add_space(kObject, 64);
        thread.add_space(kFrame, 0x400);
        thread.put(kObject, GetParam().object.type, kCodeType);
        thread.put(kFrame, GetParam().frame.localsplus, object);
        thread.put_u32(kCode, GetParam().code.argument_count, arguments);
        Surroundings surroundings(thread.memory());
        const auto scratch = std::make_unique<definition_scratch>();
        EXPECT_EQ(define_python_code(&thread.thread(), kCode, frame, scratch.get()), CODE_DEFINED);
        return std::pair{uint64_t{scratch->record.first_argument},
                         uint64_t{scratch->record.first_argument_type}};
    };
    const std::pair<uint64_t, uint64_t> none;
    EXPECT_EQ(first_argument(1, kObject, kFrame), is_wanted ? std::pair(kObject, kCodeType) : none);
    EXPECT_EQ(first_argument(0, kObject, kFrame), none);
    EXPECT_EQ(first_argument(1, kObject, 0), none);
    EXPECT_EQ(first_argument(1, 0, kFrame), none);
    EXPECT_EQ(first_argument(1, kObject, kNowhere), none);
    EXPECT_EQ(first_argument(1, kNowhere, kFrame).second, 0u);
}

// Whatever a layout says, reads stay within the walker's own memory (the sanitizers watch).
TEST(HostileLayout, AnyOffsetsAreSurvived) {
    uint64_t random = 0x2545f4914f6cdd1dull;
    const auto next = [&random] {
        random ^= random << 13;
        random ^= random >> 7;
        return random ^= random << 17;
    };
    const auto layouts = all_layouts();
    for (int round = 0; round < 2000; ++round) {
        python_layout layout = layouts[next() % layouts.size()];
        MadeUpThread thread(layout);
        thread.set_name(100, 1, true);
        auto* bytes = reinterpret_cast<uint8_t*>(&thread.thread().layout);
        for (int i = 0; i < 4; ++i) bytes[next() % sizeof(layout)] = static_cast<uint8_t>(next());
        Surroundings surroundings(thread.memory());
        const auto stack = std::make_unique<python_stack>();
        walk_python_thread(&thread.thread(), stack.get());
        EXPECT_LE(stack->frames, uint32_t{MAX_PYTHON_FRAMES});
        const auto definition = std::make_unique<definition_scratch>();
        if (define_python_code(&thread.thread(), kCode, MadeUpThread::frame(0), definition.get()) ==
            CODE_DEFINED) {
            EXPECT_LE(definition->record.header.size,
                      sizeof(definition->record) + DEFINITION_TEXT_BYTES);
        }
    }
}

// The ways to the thread state that no recorded interpreter takes.
class ThreadState : public ::testing::Test {
  protected:
    ThreadState() : thread_(python::layouts_of(3, 12).front().walker) {
        thread_.thread().by_list = 0;
        thread_.thread().process.sources = 0;
        thread_.add_space(kThreadPointer, 0x1000);
    }
    uint32_t outcome() { return thread_.replay().outcome; }
    python_process& process() { return thread_.thread().process; }
    static constexpr uint64_t kKey = 0x7f0000400004;  // its flag is 4 bytes before
    void use_key(uint32_t key, uint32_t is_initialized = 1) {
        process().sources = THREAD_STATE_KEY;
        process().key_address = kKey;
        process().key_has_flag = 1;
        thread_.put_u32(kKey, -4ull, is_initialized);
        thread_.put_u32(kKey, 0, key);
    }
    MadeUpThread thread_;
};

TEST_F(ThreadState, OfALateLibraryIsBehindTheDtv) {
    process().sources = THREAD_STATE_TLS | THREAD_STATE_TLS_MODULE;
    process().tls_module = 5;
    process().tls_offset = 0x20;
    thread_.add_space(0x7f0000500000, 0x200);
    thread_.put(kThreadPointer, 8, 0x7f0000500000);
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);
    thread_.put(0x7f0000500000, 16 * 5, ~0ull);  // not allocated in this thread yet
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);
    thread_.put(0x7f0000500000, 16 * 5, 0x7f0000500100);
    thread_.put(0x7f0000500100, 0x20, kThreadState);
    EXPECT_EQ(outcome(), PYTHON_COMPLETE);
    thread_.put(kThreadPointer, 8, kNowhere);
    EXPECT_EQ(outcome(), PYTHON_FAULT_THREAD_STATE);
}

TEST_F(ThreadState, OfALateLibraryOnMusl) {
    process().sources = THREAD_STATE_TLS | THREAD_STATE_TLS_MODULE;
    process().libc = LIBC_MUSL;
    process().tls_module = 0;
    process().tls_module_slot = 0x7f0000600000;
    thread_.add_space(0x7f0000500000, 0x200);
    thread_.put(kThreadPointer, 8, 0x7f0000500000);
    thread_.put(0x7f0000500000, 8 * 3, 0x7f0000500100);
    thread_.put(0x7f0000500100, 0, kThreadState);
    EXPECT_EQ(outcome(), PYTHON_FAULT_THREAD_STATE);  // the slot is absent
    thread_.put(0x7f0000600000, 0, 0);                // the dynamic linker has not filled it
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);
    thread_.put(0x7f0000600000, 0, 3);
    EXPECT_EQ(outcome(), PYTHON_COMPLETE);
}

TEST_F(ThreadState, OfTheFirstKeysIsInTheThreadItself) {
    use_key(31);
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);
    thread_.put(kThreadPointer, 0x310 + 16 * 31 + 8, kThreadState);
    EXPECT_EQ(outcome(), PYTHON_COMPLETE);
}

TEST_F(ThreadState, OfLaterKeysIsInABlock) {
    use_key(32 * 4 + 7);
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);  // this thread has not used the block
    thread_.put(kThreadPointer, 0x510 + 8 * 4, 0x7f0000700000);
    EXPECT_EQ(outcome(), PYTHON_FAULT_THREAD_STATE);
    thread_.put(0x7f0000700000, 16 * 7 + 8, kThreadState);
    EXPECT_EQ(outcome(), PYTHON_COMPLETE);
}

TEST_F(ThreadState, OfAKeyOnMusl) {
    use_key(9);
    process().libc = LIBC_MUSL;
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);
    thread_.put(kThreadPointer, 0x80, 0x7f0000700000);
    thread_.put(0x7f0000700000, 8 * 9, kThreadState);
    EXPECT_EQ(outcome(), PYTHON_COMPLETE);
}

TEST_F(ThreadState, OfAnImpossibleKeyIsNotLookedFor) {
    for (const uint32_t key : {1024u, 0x7fffffffu, 0xffffffffu}) {
        use_key(key);
        EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE) << key;
    }
    use_key(0, 0);
    thread_.put(kThreadPointer, 0x310 + 8, kThreadState);
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE) << "the key is not initialized";
}

TEST_F(ThreadState, AWrongSourceDoesNotHideARightOne) {
    process().sources = THREAD_STATE_TLS | THREAD_STATE_CURRENT;
    process().tls_offset = 0x40;
    process().current_address = kNowhere;
    thread_.put(kThreadPointer, 0x40, kTexts);  // not a thread state
    thread_.thread().by_list = kThreadState;
    EXPECT_EQ(outcome(), PYTHON_COMPLETE);
    thread_.thread().by_list = 0;
    EXPECT_EQ(outcome(), PYTHON_FAULT_THREAD_STATE);
}

TEST_F(ThreadState, IsNotLookedForBeforeThereIsAThreadPointer) {
    thread_.thread().by_list = kThreadState;
    thread_.thread().thread_pointer = 0;
    thread_.put(kThreadState, thread_.layout().thread_state.thread_id, 0);
    EXPECT_EQ(outcome(), PYTHON_NO_THREAD_STATE);
}

}  // namespace
}  // namespace pyebpf::test
