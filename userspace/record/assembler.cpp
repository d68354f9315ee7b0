// SPDX-License-Identifier: Apache-2.0
#include "record/assembler.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "record/format.h"
#include "base/pbf_reader.h"

namespace pyebpf::record {

namespace {

using profile::ContainerId;
using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::Sample;
using profile::StackId;
using profile::StringId;
using protozero::pbf_reader;

// More than any recording has; keeps a hostile index from asking for all memory.
constexpr uint32_t kMaxRows = 1u << 24;

uint64_t require(uint64_t value, uint64_t limit, std::string_view what) {
    if (value >= limit) throw Damage{fmt::format("{} {} of {}", what, value, limit)};
    return value;
}

// To touch fresh memory page by page takes as long as to read the samples that go there. Only a
// wish, the kernel may not have it.
void prefer_large_pages(void* begin, void* end) {
    constexpr uintptr_t kPage = 4096;
    const uintptr_t from = (reinterpret_cast<uintptr_t>(begin) + kPage - 1) / kPage * kPage;
    const auto to = reinterpret_cast<uintptr_t>(end);
    if (from < to) (void)madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
}

}  // namespace

class Assembler::Tables {
  public:
    explicit Tables(Profile& profile) : profile_(profile) { restart(); }

    void take(std::string_view content, double following) {
        pbf_reader block(content.data(), content.size());
        while (block.next()) {
            switch (block.tag()) {
                case block::kRestart:
                    if (block.get_bool()) restart();
                    break;
                case block::kStrings:
                    strings_.push_back(profile_.strings.intern(text(block.get_view())));
                    break;
                case block::kFrames:
                    take_frames(block.get_message());
                    break;
                case block::kStacks:
                    take_stacks(block.get_message());
                    break;
                case block::kContainers:
                    take_container(block.get_message());
                    break;
                case block::kProcesses:
                    take_process(block.get_message());
                    break;
                case block::kThreads:
                    take_thread(block.get_message());
                    break;
                case block::kModules:
                    take_module(block.get_message());
                    break;
                case block::kSources:
                    take_source(block.get_message());
                    break;
                case block::kSamples:
                    take_samples(block.get_message(), following);
                    break;
                case block::kStatistics:
                    take_statistic(block.get_message());
                    break;
                case block::kSettings:
                    take_setting(block.get_message());
                    break;
                case block::kTimes:
                    take_times(block.get_message());
                    break;
                case block::kSourceTexts:
                    take_source_text(block.get_message());
                    break;
                default:  // of a later version
                    block.skip();
            }
        }
    }

  private:
    static std::string_view text(protozero::data_view view) { return {view.data(), view.size()}; }

    void restart() {
        strings_.assign(1, StringId{0});
        frames_.clear();
        stacks_.clear();
        containers_.clear();
    }

    StringId string(uint64_t id) const { return strings_[require(id, strings_.size(), "string")]; }

    static std::vector<uint64_t> column(pbf_reader& message) {
        const auto range = message.get_packed_uint64();
        return {range.begin(), range.end()};
    }

    // Columns of one table have one length; one that is left out is zero.
    template <class... Columns>
    static size_t rows_of(Columns&... columns) {
        const size_t rows = std::max({columns.size()...});
        for (auto* each : {&columns...}) {
            if (each->empty()) each->resize(rows);
            if (each->size() != rows) throw Damage{"columns of different length"};
        }
        return rows;
    }

    static uint32_t small(uint64_t value) {
        return static_cast<uint32_t>(
            require(value, uint64_t{std::numeric_limits<uint32_t>::max()} + 1, "number"));
    }

    void take_frames(pbf_reader message) {
        std::vector<uint64_t> kind, inlined, line, first_line, function, file, module;
        while (message.next()) {
            switch (message.tag()) {
                case frames::kKind:
                    kind = column(message);
                    break;
                case frames::kInlined:
                    inlined = column(message);
                    break;
                case frames::kLine:
                    line = column(message);
                    break;
                case frames::kFirstLine:
                    first_line = column(message);
                    break;
                case frames::kFunction:
                    function = column(message);
                    break;
                case frames::kFile:
                    file = column(message);
                    break;
                case frames::kModule:
                    module = column(message);
                    break;
                default:
                    message.skip();
            }
        }
        const size_t rows = rows_of(kind, inlined, line, first_line, function, file, module);
        for (size_t i = 0; i < rows; ++i) {
            if (kind[i] < uint64_t{static_cast<uint8_t>(FrameKind::kPython)} ||
                kind[i] > uint64_t{static_cast<uint8_t>(FrameKind::kMarker)})
                throw Damage{fmt::format("frame kind {}", kind[i])};
            Frame frame;
            frame.kind = static_cast<FrameKind>(kind[i]);
            frame.inlined = inlined[i] != 0;
            frame.line = small(line[i]);
            frame.first_line = small(first_line[i]);
            frame.function = string(function[i]);
            frame.file = string(file[i]);
            frame.module = string(module[i]);
            frames_.push_back(profile_.frames.intern(frame));
        }
    }

    void take_stacks(pbf_reader message) {
        std::vector<uint64_t> distance, frame;
        while (message.next()) {
            switch (message.tag()) {
                case stacks::kParentDistance:
                    distance = column(message);
                    break;
                case stacks::kFrame:
                    frame = column(message);
                    break;
                default:
                    message.skip();
            }
        }
        const size_t rows = rows_of(distance, frame);
        for (size_t i = 0; i < rows; ++i) {
            StackId parent;
            if (distance[i] != 0) {
                if (distance[i] > stacks_.size())
                    throw Damage{fmt::format("stack {} before the first", distance[i])};
                parent = stacks_[stacks_.size() - distance[i]];
            }
            stacks_.push_back(
                profile_.stacks.push(parent, frames_[require(frame[i], frames_.size(), "frame")]));
        }
    }

    void take_container(pbf_reader message) {
        profile::Container row;
        while (message.next()) {
            switch (message.tag()) {
                case container::kId:
                    row.id = string(message.get_uint32());
                    break;
                case container::kName:
                    row.name = string(message.get_uint32());
                    break;
                case container::kRuntime:
                    row.runtime = string(message.get_uint32());
                    break;
                case container::kImage:
                    row.image = string(message.get_uint32());
                    break;
                case container::kPod:
                    row.pod = string(message.get_uint32());
                    break;
                case container::kPodNamespace:
                    row.pod_namespace = string(message.get_uint32());
                    break;
                case container::kUnit:
                    row.unit = string(message.get_uint32());
                    break;
                case container::kCgroup:
                    row.cgroup = string(message.get_uint32());
                    break;
                default:
                    message.skip();
            }
        }
        // After a restart the writer sends them again.
        const auto known = std::ranges::find(profile_.containers, row);
        containers_.push_back(
            ContainerId{static_cast<uint32_t>(known - profile_.containers.begin())});
        if (known == profile_.containers.end()) profile_.containers.push_back(row);
    }

    template <class Row>
    static Row& row_at(std::vector<Row>& rows, uint64_t index) {
        require(index, kMaxRows, "row");
        if (index > rows.size()) throw Damage{fmt::format("row {} after {}", index, rows.size())};
        if (index == rows.size()) rows.emplace_back();
        return rows[index];
    }

    void take_process(pbf_reader message) {
        profile::Process row;
        uint64_t index = 0;
        while (message.next()) {
            switch (message.tag()) {
                case process::kIndex:
                    index = message.get_uint32();
                    break;
                case process::kPid:
                    row.pid = message.get_uint32();
                    break;
                case process::kParentPid:
                    row.parent_pid = message.get_uint32();
                    break;
                case process::kNamespacePid:
                    row.namespace_pid = message.get_uint32();
                    break;
                case process::kStart:
                    row.start_ns = message.get_uint64();
                    break;
                case process::kEnd:
                    row.end_ns = message.get_uint64();
                    break;
                case process::kName:
                    row.name = string(message.get_uint32());
                    break;
                case process::kCommand:
                    row.command = string(message.get_uint32());
                    break;
                case process::kExecutable:
                    row.executable = string(message.get_uint32());
                    break;
                case process::kPython:
                    row.python = string(message.get_uint32());
                    break;
                case process::kContainer: {
                    const uint64_t id = message.get_uint32();
                    if (id != 0)
                        row.container =
                            containers_[require(id - 1, containers_.size(), "container")];
                    break;
                }
                default:
                    message.skip();
            }
        }
        row_at(profile_.processes, index) = row;
    }

    void take_thread(pbf_reader message) {
        profile::Thread row;
        uint64_t index = 0;
        uint64_t process = 0;
        while (message.next()) {
            switch (message.tag()) {
                case thread::kIndex:
                    index = message.get_uint32();
                    break;
                case thread::kProcess:
                    process = message.get_uint32();
                    break;
                case thread::kTid:
                    row.tid = message.get_uint32();
                    break;
                case thread::kName:
                    row.name = string(message.get_uint32());
                    break;
                case thread::kPythonName:
                    row.python_name = string(message.get_uint32());
                    break;
                default:
                    message.skip();
            }
        }
        row.process = {small(require(process, profile_.processes.size(), "process"))};
        row_at(profile_.threads, index) = row;
    }

    void take_module(pbf_reader message) {
        profile::Module row;
        while (message.next()) {
            switch (message.tag()) {
                case module::kName:
                    row.name = string(message.get_uint32());
                    break;
                case module::kPath:
                    row.path = string(message.get_uint32());
                    break;
                case module::kBuildId:
                    row.build_id = string(message.get_uint32());
                    break;
                default:
                    message.skip();
            }
        }
        if (std::ranges::find(profile_.modules, row) == profile_.modules.end())
            profile_.modules.push_back(row);
    }

    void take_source(pbf_reader message) {
        profile::Source row;
        while (message.next()) {
            switch (message.tag()) {
                case source::kName:
                    row.name = text(message.get_view());
                    break;
                case source::kUnit:
                    row.unit = text(message.get_view());
                    break;
                case source::kPeriod:
                    row.period = message.get_uint64();
                    break;
                case source::kFrequency:
                    row.frequency_hz = message.get_uint32();
                    break;
                default:
                    message.skip();
            }
        }
        profile_.sources.push_back(std::move(row));
    }

    void take_samples(pbf_reader message, double following) {
        std::vector<uint64_t> weight, stack, thread, cpu, source, state, flags;
        std::vector<int64_t> time;
        uint64_t same_weight = 0;
        while (message.next()) {
            switch (message.tag()) {
                case samples::kTimeDelta: {
                    const auto range = message.get_packed_sint64();
                    time.assign(range.begin(), range.end());
                    break;
                }
                case samples::kWeight:
                    weight = column(message);
                    break;
                case samples::kStack:
                    stack = column(message);
                    break;
                case samples::kThread:
                    thread = column(message);
                    break;
                case samples::kCpu:
                    cpu = column(message);
                    break;
                case samples::kSource:
                    source = column(message);
                    break;
                case samples::kState:
                    state = column(message);
                    break;
                case samples::kFlags:
                    flags = column(message);
                    break;
                case samples::kSameWeight:
                    same_weight = message.get_uint64();
                    break;
                default:
                    message.skip();
            }
        }
        const bool has_weights = !weight.empty();
        const size_t rows = rows_of(weight, stack, thread, cpu, source, state, flags);
        if (time.size() != rows) throw Damage{"columns of different length"};
        reserve_samples(rows, following);
        uint64_t now = 0;
        for (size_t i = 0; i < rows; ++i) {
            Sample& sample = profile_.samples.emplace_back();
            now += static_cast<uint64_t>(time[i]);
            sample.time_ns = now;
            sample.weight = has_weights ? weight[i] : same_weight;
            if (stack[i] != 0)
                sample.stack = stacks_[require(stack[i] - 1, stacks_.size(), "stack")];
            sample.thread = {small(require(thread[i], profile_.threads.size(), "thread"))};
            sample.cpu = static_cast<uint16_t>(require(cpu[i], 1u << 16, "CPU"));
            sample.source = static_cast<uint8_t>(
                require(source[i], std::min<size_t>(profile_.sources.size(), 256), "source"));
            sample.state = static_cast<profile::ThreadState>(
                require(state[i], profile::kThreadStates, "state"));
            sample.flags = static_cast<uint8_t>(require(flags[i], 256, "flags"));
        }
    }

    // Room for `rows` more samples. A recording is mostly samples: to copy them whenever a vector
    // is full takes longer than to read them, so room is made for the rest of the file at once.
    // What is never used of it costs no memory; the limit is for hostile files.
    void reserve_samples(size_t rows, double following) {
        auto& samples = profile_.samples;
        const size_t needed = samples.size() + rows;
        if (needed <= samples.capacity()) return;
        const double expected =
            static_cast<double>(needed) + static_cast<double>(rows) * following * 1.1;
        const size_t most = std::max(8 * needed, size_t{1} << 24);
        const double room = std::min(expected, static_cast<double>(most));
        samples.reserve(std::max(2 * samples.capacity(), static_cast<size_t>(room)));
        prefer_large_pages(samples.data() + samples.size(), samples.data() + samples.capacity());
    }

    void take_statistic(pbf_reader message) {
        profile::Statistic row;
        while (message.next()) {
            switch (message.tag()) {
                case statistic::kName:
                    row.name = text(message.get_view());
                    break;
                case statistic::kText:
                    row.text = text(message.get_view());
                    break;
                case statistic::kValue:
                    row.value = message.get_uint64();
                    break;
                case statistic::kLoss:
                    row.loss = message.get_bool();
                    break;
                default:
                    message.skip();
            }
        }
        profile_.statistics.push_back(std::move(row));
    }

    void take_setting(pbf_reader message) {
        std::string key, value;
        while (message.next()) {
            switch (message.tag()) {
                case setting::kKey:
                    key = text(message.get_view());
                    break;
                case setting::kValue:
                    value = text(message.get_view());
                    break;
                default:
                    message.skip();
            }
        }
        profile_.settings[key] = value;
    }

    void take_times(pbf_reader message) {
        while (message.next()) {
            switch (message.tag()) {
                case times::kStart:
                    profile_.start_ns = message.get_uint64();
                    break;
                case times::kEnd:
                    profile_.end_ns = message.get_uint64();
                    break;
                case times::kStartUnix:
                    profile_.start_unix_ns = message.get_sint64();
                    break;
                default:
                    message.skip();
            }
        }
    }

    void take_source_text(pbf_reader message) {
        StringId file;
        std::string content;
        while (message.next()) {
            switch (message.tag()) {
                case source_text::kFile:
                    file = string(message.get_uint32());
                    break;
                case source_text::kText:
                    content = text(message.get_view());
                    break;
                default:
                    message.skip();
            }
        }
        if (!file.valid()) throw Damage{"source text without a file"};
        profile_.source_texts[file] = std::move(content);
    }

    Profile& profile_;
    std::vector<StringId> strings_;  // by id in the file
    std::vector<FrameId> frames_;
    std::vector<StackId> stacks_;
    std::vector<ContainerId> containers_;
};

Assembler::Assembler(Profile& profile) : tables_(std::make_unique<Tables>(profile)) {}
Assembler::~Assembler() = default;

void Assembler::take(std::string_view content, double following) {
    tables_->take(content, following);
}

}  // namespace pyebpf::record
