// SPDX-License-Identifier: Apache-2.0
#include "record/writer.h"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <protozero/pbf_writer.hpp>
#include <span>

#include "base/result.h"

namespace pyebpf::record {

namespace {

using profile::Frame;
using profile::Process;
using profile::Profile;
using profile::Sample;
using profile::StackId;
using profile::StackTable;
using profile::StringId;
using profile::Thread;
using protozero::pbf_writer;

// Level 1: 400 MB/s; higher levels save a few percent of such content.
constexpr int kCompressionLevel = 1;
constexpr size_t kLargeContentBytes = 4 << 20;
constexpr size_t kSamplesPerBlock = 65536;
constexpr size_t kRowsPerMessage = 16384;

template <class Row, class Member>
void add_column(pbf_writer& message, uint32_t field, std::span<const Row> rows, Member member) {
    protozero::packed_field_uint64 column(message, field);
    for (const Row& row : rows) column.add_element(static_cast<uint64_t>(member(row)));
}

// A column of small numbers that are mostly all zero: then it is left out.
template <class Row, class Member>
void add_sparse_column(pbf_writer& message, uint32_t field, std::span<const Row> rows,
                       Member member) {
    const auto is_set = [&](const Row& row) { return static_cast<uint64_t>(member(row)) != 0; };
    if (std::ranges::any_of(rows, is_set)) add_column(message, field, rows, member);
}

void add_text(pbf_writer& message, uint32_t field, StringId text) {
    if (text.value != 0) message.add_uint32(field, text.value);
}

// Calls add(row, index) for rows that are new or differ from what was written, and remembers them.
template <class Row, class Add>
void for_each_changed(const std::vector<Row>& rows, std::vector<Row>& written, Add add) {
    for (size_t i = 0; i < rows.size(); ++i) {
        if (i < written.size() && rows[i] == written[i]) continue;
        add(rows[i], static_cast<uint32_t>(i));
        if (i < written.size()) {
            written[i] = rows[i];
        } else {
            written.push_back(rows[i]);
        }
    }
}

}  // namespace

Writer::Writer(Sink& sink) : sink_(sink) {
    FileHeader header{};
    std::memcpy(header.magic, kMagic.data(), sizeof(header.magic));
    header.version = kVersion;
    sink_.write({reinterpret_cast<const char*>(&header), sizeof(header)});
}

void Writer::append(const Profile& profile) {
    if (is_first_ || epoch_ != profile.epoch) {
        epoch_ = profile.epoch;
        strings_ = 1;
        frames_ = stacks_ = containers_ = modules_ = 0;
        processes_.clear();
        threads_.clear();
        source_texts_.clear();
        pbf_writer(content_).add_bool(block::kRestart, true);
    }
    if (is_first_) {
        is_first_ = false;
        add_facts(profile);
    }
    add_strings(profile);
    add_frames(profile);
    add_stacks(profile);
    add_processes(profile);
    add_threads(profile);
    add_samples(profile);
    write_block(BlockKind::kData);
}

void Writer::finish(const Profile& profile) {
    append(profile);
    add_facts(profile);
    add_end(profile);
    write_block(BlockKind::kEnd);
}

void Writer::add_strings(const Profile& profile) {
    for (; strings_ < profile.strings.size(); ++strings_) {
        const std::string_view text = profile.strings[StringId{static_cast<uint32_t>(strings_)}];
        pbf_writer(content_).add_bytes(block::kStrings, text.data(), text.size());
        write_block_if_large();
    }
    for (const auto& [file, text] : profile.source_texts) {
        if (!source_texts_.insert(file).second) continue;
        {
            pbf_writer block(content_);
            pbf_writer message(block, block::kSourceTexts);
            message.add_uint32(source_text::kFile, file.value);
            message.add_bytes(source_text::kText, text);
        }
        write_block_if_large();
    }
}

void Writer::add_frames(const Profile& profile) {
    while (frames_ < profile.frames.size()) {
        std::vector<Frame> rows;
        const size_t end = std::min(profile.frames.size(), frames_ + kRowsPerMessage);
        for (; frames_ < end; ++frames_)
            rows.push_back(profile.frames[profile::FrameId{static_cast<uint32_t>(frames_)}]);
        const std::span<const Frame> span(rows);
        {
            pbf_writer block(content_);
            pbf_writer message(block, block::kFrames);
            add_column(message, frames::kKind, span, [](const Frame& f) { return f.kind; });
            add_column(message, frames::kInlined, span, [](const Frame& f) { return f.inlined; });
            add_column(message, frames::kLine, span, [](const Frame& f) { return f.line; });
            add_column(message, frames::kFirstLine, span,
                       [](const Frame& f) { return f.first_line; });
            add_column(message, frames::kFunction, span,
                       [](const Frame& f) { return f.function.value; });
            add_column(message, frames::kFile, span, [](const Frame& f) { return f.file.value; });
            add_column(message, frames::kModule, span,
                       [](const Frame& f) { return f.module.value; });
        }
        write_block_if_large();
    }
}

void Writer::add_stacks(const Profile& profile) {
    while (stacks_ < profile.stacks.size()) {
        struct Row {
            uint32_t parent_distance;  // 0: a root
            uint32_t frame;
        };
        std::vector<Row> rows;
        const size_t end = std::min(profile.stacks.size(), stacks_ + kRowsPerMessage);
        for (; stacks_ < end; ++stacks_) {
            const auto id = static_cast<uint32_t>(stacks_);
            const StackTable::Node& node = profile.stacks[StackId{id}];
            rows.push_back({node.parent.valid() ? id - node.parent.value : 0, node.frame.value});
        }
        const std::span<const Row> span(rows);
        {
            pbf_writer block(content_);
            pbf_writer message(block, block::kStacks);
            add_column(message, stacks::kParentDistance, span,
                       [](const Row& row) { return row.parent_distance; });
            add_column(message, stacks::kFrame, span, [](const Row& row) { return row.frame; });
        }
        write_block_if_large();
    }
}

void Writer::add_processes(const Profile& profile) {
    for (; containers_ < profile.containers.size(); ++containers_) {
        const profile::Container& row = profile.containers[containers_];
        pbf_writer block(content_);
        pbf_writer message(block, block::kContainers);
        add_text(message, container::kId, row.id);
        add_text(message, container::kName, row.name);
        add_text(message, container::kRuntime, row.runtime);
        add_text(message, container::kImage, row.image);
        add_text(message, container::kPod, row.pod);
        add_text(message, container::kPodNamespace, row.pod_namespace);
        add_text(message, container::kUnit, row.unit);
        add_text(message, container::kCgroup, row.cgroup);
    }
    for_each_changed(profile.processes, processes_, [&](const Process& row, uint32_t index) {
        {
            pbf_writer block(content_);
            pbf_writer message(block, block::kProcesses);
            message.add_uint32(process::kIndex, index);
            message.add_uint32(process::kPid, row.pid);
            message.add_uint32(process::kParentPid, row.parent_pid);
            message.add_uint32(process::kNamespacePid, row.namespace_pid);
            message.add_uint64(process::kStart, row.start_ns);
            message.add_uint64(process::kEnd, row.end_ns);
            add_text(message, process::kName, row.name);
            add_text(message, process::kCommand, row.command);
            add_text(message, process::kExecutable, row.executable);
            add_text(message, process::kPython, row.python);
            if (row.container.valid())
                message.add_uint32(process::kContainer, row.container.value + 1);
        }
        write_block_if_large();
    });
}

void Writer::add_threads(const Profile& profile) {
    for_each_changed(profile.threads, threads_, [&](const Thread& row, uint32_t index) {
        {
            pbf_writer block(content_);
            pbf_writer message(block, block::kThreads);
            message.add_uint32(thread::kIndex, index);
            message.add_uint32(thread::kProcess, row.process.value);
            message.add_uint32(thread::kTid, row.tid);
            add_text(message, thread::kName, row.name);
            add_text(message, thread::kPythonName, row.python_name);
        }
        write_block_if_large();
    });
    for (; modules_ < profile.modules.size(); ++modules_) {
        const profile::Module& row = profile.modules[modules_];
        pbf_writer block(content_);
        pbf_writer message(block, block::kModules);
        add_text(message, module::kName, row.name);
        add_text(message, module::kPath, row.path);
        add_text(message, module::kBuildId, row.build_id);
    }
}

// What is known at the beginning, so that a recording that is cut has it, and again at the end.
void Writer::add_facts(const Profile& profile) {
    pbf_writer block(content_);
    for (; sources_ < profile.sources.size(); ++sources_) {
        const profile::Source& row = profile.sources[sources_];
        pbf_writer message(block, block::kSources);
        message.add_string(source::kName, row.name);
        message.add_string(source::kUnit, row.unit);
        message.add_uint64(source::kPeriod, row.period);
        message.add_uint32(source::kFrequency, row.frequency_hz);
    }
    for (const auto& [key, value] : profile.settings) {
        pbf_writer message(block, block::kSettings);
        message.add_string(setting::kKey, key);
        message.add_string(setting::kValue, value);
    }
    pbf_writer message(block, block::kTimes);
    message.add_uint64(times::kStart, profile.start_ns);
    message.add_uint64(times::kEnd, profile.end_ns);
    message.add_sint64(times::kStartUnix, profile.start_unix_ns);
}

void Writer::add_samples(const Profile& profile) {
    std::span<const Sample> rest(profile.samples);
    while (!rest.empty()) {
        const auto rows = rest.first(std::min(rest.size(), kSamplesPerBlock));
        rest = rest.subspan(rows.size());
        {
            pbf_writer block(content_);
            pbf_writer message(block, block::kSamples);
            message.add_uint64(samples::kCount, rows.size());
            {
                protozero::packed_field_sint64 column(message, samples::kTimeDelta);
                uint64_t before = 0;
                for (const Sample& sample : rows) {
                    column.add_element(static_cast<int64_t>(sample.time_ns - before));
                    before = sample.time_ns;
                }
            }
            const uint64_t weight = rows.front().weight;
            if (std::ranges::all_of(rows,
                                    [&](const Sample& sample) { return sample.weight == weight; }))
                message.add_uint64(samples::kSameWeight, weight);
            else
                add_column(message, samples::kWeight, rows,
                           [](const Sample& s) { return s.weight; });
            add_column(message, samples::kStack, rows,
                       [](const Sample& s) { return s.stack.valid() ? s.stack.value + 1 : 0; });
            add_column(message, samples::kThread, rows,
                       [](const Sample& s) { return s.thread.value; });
            add_sparse_column(message, samples::kCpu, rows, [](const Sample& s) { return s.cpu; });
            add_sparse_column(message, samples::kSource, rows,
                              [](const Sample& s) { return s.source; });
            add_sparse_column(message, samples::kState, rows,
                              [](const Sample& s) { return s.state; });
            add_sparse_column(message, samples::kFlags, rows,
                              [](const Sample& s) { return s.flags; });
        }
        write_block_if_large();
    }
}

void Writer::add_end(const Profile& profile) {
    for (const profile::Statistic& row : profile.statistics) {
        pbf_writer block(content_);
        pbf_writer message(block, block::kStatistics);
        message.add_string(statistic::kName, row.name);
        message.add_string(statistic::kText, row.text);
        message.add_uint64(statistic::kValue, row.value);
        message.add_bool(statistic::kLoss, row.loss);
    }
}

void Writer::write_block_if_large() {
    if (content_.size() >= kLargeContentBytes) write_block(BlockKind::kData);
}

void Writer::write_block(BlockKind kind) {
    if (content_.empty() && kind == BlockKind::kData) return;
    PYEBPF_CHECK(content_.size() <= kMaxContentBytes);
    frame_.resize(ZSTD_compressBound(content_.size()));
    const size_t stored = ZSTD_compress(frame_.data(), frame_.size(), content_.data(),
                                        content_.size(), kCompressionLevel);
    PYEBPF_CHECK(!ZSTD_isError(stored));
    BlockHeader header{};
    header.magic = kBlockMagic;
    header.kind = static_cast<uint32_t>(kind);
    header.stored_bytes = static_cast<uint32_t>(stored);
    header.content_bytes = static_cast<uint32_t>(content_.size());
    header.checksum = XXH3_64bits_withSeed(frame_.data(), stored,
                                           uint64_t{header.kind} << 32 | header.content_bytes);
    sink_.write({reinterpret_cast<const char*>(&header), sizeof(header)});
    sink_.write({frame_.data(), stored});
    content_.clear();
}

}  // namespace pyebpf::record
