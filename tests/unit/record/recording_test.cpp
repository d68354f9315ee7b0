// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <cstring>
#include <protozero/pbf_writer.hpp>

#include "base/unique_fd.h"
#include "record/format.h"
#include "record/reader.h"
#include "record/writer.h"
#include "synthetic_profile.h"

namespace pyebpf::record {
namespace {

using profile::Profile;
using profile::Sample;
using ::testing::HasSubstr;

Result<Profile> read_bytes(const std::string& bytes) {
    const UniqueFd fd(memfd_create("recording", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::lseek(fd.get(), 0, SEEK_SET);
    return read(fd.get(), "test.pyebpf");
}

std::string written(const Profile& profile) {
    StringSink sink;
    Writer(sink).finish(profile);
    return sink.text();
}

// A stack as text, so that profiles with other ids can be compared.
std::string stack_text(const Profile& profile, const Sample& sample) {
    std::string text;
    for (const profile::FrameId id : profile.stacks.frames(sample.stack)) {
        const profile::Frame& frame = profile.frame(id);
        text += fmt::format("{}|{}|{}|{}|{}|{}|{};", static_cast<int>(frame.kind), frame.inlined,
                            frame.line, frame.first_line, profile.text(frame.function),
                            profile.text(frame.file), profile.text(frame.module));
    }
    return text;
}

std::vector<std::string> samples_text(const Profile& profile) {
    std::vector<std::string> texts;
    for (const Sample& sample : profile.samples) {
        const profile::Thread& thread = profile.threads[sample.thread.value];
        const profile::Process& process = profile.processes[thread.process.value];
        texts.push_back(fmt::format("{} {} {} {} {} {} {} {} {} {} {}", sample.time_ns,
                                    sample.weight, sample.cpu, sample.source,
                                    static_cast<int>(sample.state), sample.flags, thread.tid,
                                    profile.text(thread.name), process.pid,
                                    profile.container_text(process), stack_text(profile, sample)));
    }
    return texts;
}

Profile rich_profile() {
    Profile profile = output::test::small_profile();
    profile.containers.push_back({.id = profile.strings.intern("0123456789abcdef"),
                                  .name = profile.strings.intern("web"),
                                  .unit = profile.strings.intern("web.service")});
    profile.processes.front().container = {0};
    profile.processes.front().parent_pid = 1;
    profile.processes.front().namespace_pid = 7;
    profile.modules.push_back({profile.strings.intern("libc.so.6"),
                               profile.strings.intern("/lib/libc.so.6"),
                               profile.strings.intern("abcd")});
    profile.source_texts[profile.strings.intern("app.py")] = "print(1)\n";
    profile.samples.back().state = profile::ThreadState::kGil;
    profile.samples.back().flags = profile::kHandlesException;
    profile.samples.back().weight += 5;
    return profile;
}

TEST(Recording, HoldsAllOfAProfile) {
    const Profile profile = rich_profile();
    const auto back = read_bytes(written(profile));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_FALSE(back->is_cut);
    EXPECT_EQ(samples_text(*back), samples_text(profile));
    EXPECT_EQ(back->settings, profile.settings);
    EXPECT_EQ(back->start_ns, profile.start_ns);
    EXPECT_EQ(back->end_ns, profile.end_ns);
    EXPECT_EQ(back->start_unix_ns, profile.start_unix_ns);
    ASSERT_EQ(back->sources.size(), profile.sources.size());
    EXPECT_EQ(back->sources[0].name, profile.sources[0].name);
    EXPECT_EQ(back->sources[0].period, profile.sources[0].period);
    ASSERT_EQ(back->statistics.size(), profile.statistics.size());
    EXPECT_EQ(back->statistics[0].text, profile.statistics[0].text);
    ASSERT_EQ(back->modules.size(), 1u);
    EXPECT_EQ(back->text(back->modules[0].build_id), "abcd");
    ASSERT_EQ(back->source_texts.size(), 1u);
    EXPECT_EQ(back->source_texts.begin()->second, "print(1)\n");
    const profile::Process& process = back->processes.front();
    EXPECT_EQ(process.parent_pid, 1u);
    EXPECT_EQ(process.namespace_pid, 7u);
    EXPECT_EQ(back->text(process.command), profile.text(profile.processes.front().command));
}

TEST(Recording, GrowsAndForgetsWhatItWrote) {
    Profile whole = rich_profile();
    Profile growing = rich_profile();
    const std::vector<Sample> all = std::move(growing.samples);
    growing.samples.clear();
    StringSink sink;
    Writer writer(sink);
    for (const Sample& sample : all) {
        growing.samples.push_back(sample);
        writer.append(growing);
        growing.samples.clear();
    }
    growing.forget_stacks();
    EXPECT_EQ(growing.stacks.size(), 0u);
    // The same stacks again, with new ids.
    for (const Sample& sample : all) {
        Sample again = sample;
        again.time_ns += 1'000'000'000'000;
        again.stack = {};
        for (const profile::FrameId id : whole.stacks.frames(sample.stack)) {
            profile::Frame frame = whole.frame(id);
            frame.function = growing.strings.intern(whole.text(frame.function));
            frame.file = growing.strings.intern(whole.text(frame.file));
            frame.module = growing.strings.intern(whole.text(frame.module));
            again.stack = growing.stacks.push(again.stack, growing.frames.intern(frame));
        }
        growing.samples.push_back(again);
        whole.samples.push_back(sample);
        whole.samples.back().time_ns = again.time_ns;
    }
    writer.finish(growing);
    const auto back = read_bytes(sink.text());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(samples_text(*back), samples_text(whole));
    EXPECT_EQ(back->containers.size(), 1u);
    EXPECT_EQ(back->stacks.size(), read_bytes(written(whole))->stacks.size());
}

TEST(Recording, IsReadUpToTheLastWholeBlock) {
    Profile profile = rich_profile();
    StringSink sink;
    Writer writer(sink);
    writer.append(profile);
    const size_t flushed = sink.text().size();
    writer.finish(profile);
    const auto whole = samples_text(profile);
    for (size_t size = flushed; size < sink.text().size(); ++size) {
        const auto back = read_bytes(sink.text().substr(0, size));
        ASSERT_TRUE(back) << size << ": " << back.error().message;
        EXPECT_TRUE(back->is_cut) << size;
        EXPECT_EQ(samples_text(*back).size() % whole.size(), 0u);
        EXPECT_GE(back->samples.size(), whole.size());
    }
    // A file system that kept the size and lost the data.
    const auto zeros = read_bytes(sink.text().substr(0, flushed) + std::string(5000, '\0'));
    ASSERT_TRUE(zeros) << zeros.error().message;
    EXPECT_TRUE(zeros->is_cut);
}

TEST(Recording, EveryChangedByteIsFound) {
    const Profile profile = rich_profile();
    const std::string good = written(profile);
    for (size_t at = sizeof(FileHeader); at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x40);
        const auto back = read_bytes(bad);
        // A changed size may make the block longer than the file: then it is cut there.
        EXPECT_TRUE(!back || back->is_cut) << "byte " << at;
        if (!back) {
            EXPECT_THAT(back.error().message, HasSubstr("damaged at byte"));
        }
    }
}

TEST(Recording, RefusesOtherFiles) {
    for (const std::string& text : {std::string(), std::string("{}"), std::string(100, 'x')}) {
        const auto back = read_bytes(text);
        ASSERT_FALSE(back);
        EXPECT_THAT(back.error().message, HasSubstr("test.pyebpf is no recording"));
    }
    std::string newer = written(rich_profile());
    newer[8] = 9;
    const auto back = read_bytes(newer);
    ASSERT_FALSE(back);
    EXPECT_THAT(back.error().message, HasSubstr("version 9"));
    EXPECT_FALSE(read("/does/not/exist.pyebpf"));
}

// A block with a good checksum and hostile content.
std::string with_block(const std::string& content, uint32_t content_bytes) {
    std::string file(kMagic);
    file += std::string("\1\0\0\0\0\0\0\0", 8);
    std::string frame(ZSTD_compressBound(content.size()), '\0');
    frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 1));
    BlockHeader header{
        kBlockMagic, static_cast<uint32_t>(BlockKind::kEnd), static_cast<uint32_t>(frame.size()),
        content_bytes,
        XXH3_64bits_withSeed(frame.data(), frame.size(), uint64_t{2} << 32 | content_bytes)};
    file.append(reinterpret_cast<const char*>(&header), sizeof(header));
    return file + frame;
}

void expect_damaged(const std::string& content, const std::string& what) {
    const auto back = read_bytes(with_block(content, static_cast<uint32_t>(content.size())));
    ASSERT_FALSE(back) << what;
    EXPECT_THAT(back.error().message, HasSubstr(what));
}

template <class Fill>
std::string message_of(uint32_t field, Fill fill) {
    std::string content;
    protozero::pbf_writer block(content);
    protozero::pbf_writer message(block, field);
    fill(message);
    message.commit();
    return content;
}

TEST(Recording, RefusesIdsThatDoNotExist) {
    const auto column = [](protozero::pbf_writer& message, uint32_t field,
                           std::vector<uint64_t> values) {
        message.add_packed_uint64(field, values.begin(), values.end());
    };
    expect_damaged(message_of(block::kFrames,
                              [&](auto& message) {
                                  column(message, frames::kKind, {1});
                                  column(message, frames::kFunction, {7});
                              }),
                   "string 7 of 1");
    expect_damaged(
        message_of(block::kFrames, [&](auto& message) { column(message, frames::kKind, {9}); }),
        "frame kind 9");
    expect_damaged(message_of(block::kFrames,
                              [&](auto& message) {
                                  column(message, frames::kKind, {1, 1});
                                  column(message, frames::kFile, {0});
                              }),
                   "columns of different length");
    expect_damaged(
        message_of(block::kStacks, [&](auto& message) { column(message, stacks::kFrame, {0}); }),
        "frame 0 of 0");
    expect_damaged(message_of(block::kStacks,
                              [&](auto& message) {
                                  column(message, stacks::kParentDistance, {3});
                                  column(message, stacks::kFrame, {0});
                              }),
                   "stack 3 before the first");
    expect_damaged(message_of(block::kThreads,
                              [&](auto& message) { message.add_uint32(thread::kProcess, 4); }),
                   "process 4 of 0");
    expect_damaged(
        message_of(block::kProcesses,
                   [&](auto& message) { message.add_uint32(process::kIndex, 0xffffffff); }),
        "row 4294967295");
    expect_damaged(message_of(block::kSamples,
                              [&](auto& message) {
                                  std::vector<int64_t> times{1};
                                  message.add_packed_sint64(samples::kTimeDelta, times.begin(),
                                                            times.end());
                                  column(message, samples::kThread, {0});
                              }),
                   "thread 0 of 0");
    expect_damaged("\x12\xff\xff\xff\xff\x0f", "damaged");
    const auto absurd = read_bytes(with_block("x", 0xffffffff));
    ASSERT_FALSE(absurd);
    EXPECT_THAT(absurd.error().message, HasSubstr("absurd size"));
}

TEST(Recording, RefusesFieldsOfAnotherType) {
    std::string text;
    protozero::pbf_writer(text).add_string(block::kRestart, "a number, really");
    expect_damaged(text, "");
    std::string number;
    protozero::pbf_writer(number).add_uint64(block::kStrings, 7);
    expect_damaged(number, "");
    expect_damaged(
        message_of(block::kFrames, [](auto& message) { message.add_uint64(frames::kKind, 1); }),
        "");
}

TEST(Recording, SkipsFieldsOfLaterVersions) {
    std::string content;
    protozero::pbf_writer block(content);
    block.add_string(99, "later");
    const auto back = read_bytes(with_block(content, static_cast<uint32_t>(content.size())));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_FALSE(back->is_cut);
}

}  // namespace
}  // namespace pyebpf::record
