// SPDX-License-Identifier: Apache-2.0
// The recording file (*.pyebpf): numbers that its writer and its reader share. The format is
// described in docs/formats/recording.md.
//
//   file header | block | block | … | end block
//
// A block is compressed and has a checksum, so what was flushed stays readable whatever happens to
// the rest. Its content is a protobuf message `Block`: readers skip fields that they do not know.
#pragma once

#include <cstdint>
#include <string_view>

namespace pyebpf::record {

// Not text, and damaged visibly by programs that convert line ends.
inline constexpr std::string_view kMagic{"\x89PYEBPF\n", 8};
inline constexpr uint32_t kVersion = 1;

// All integers of the two headers are little-endian.
struct FileHeader {
    char magic[8];
    uint32_t version;  // readers refuse a greater one
    uint32_t reserved;
};
static_assert(sizeof(FileHeader) == 16);

inline constexpr uint32_t kBlockMagic = 0x4b4c4250;  // "PBLK"

enum class BlockKind : uint32_t {
    kData = 1,
    kEnd = 2,  // the last one; a recording without it was cut
};

struct BlockHeader {
    uint32_t magic;
    uint32_t kind;           // BlockKind
    uint32_t stored_bytes;   // of the zstd frame that follows
    uint32_t content_bytes;  // uncompressed
    uint64_t checksum;       // XXH3, 64 bits, of the frame, seeded with kind and content_bytes
};
static_assert(sizeof(BlockHeader) == 24);

inline constexpr uint32_t kMaxContentBytes = 64u << 20;

// Field numbers of the messages.
namespace block {
enum Field : uint32_t {
    kRestart = 1,  // strings, frames and stacks begin anew
    kStrings = 2,
    kFrames = 3,
    kStacks = 4,
    kContainers = 5,
    kProcesses = 6,
    kThreads = 7,
    kModules = 8,
    kSources = 9,
    kSamples = 10,
    kStatistics = 11,
    kSettings = 12,
    kTimes = 13,
    kSourceTexts = 14,
};
}
namespace frames {
enum Field : uint32_t { kKind = 1, kInlined, kLine, kFirstLine, kFunction, kFile, kModule };
}
namespace stacks {
enum Field : uint32_t { kParentDistance = 1, kFrame };
}
namespace container {
enum Field : uint32_t {
    kId = 1,
    kName,
    kRuntime,
    kImage,
    kPod,
    kPodNamespace,
    kUnit,
    kCgroup,
};
}
namespace process {
enum Field : uint32_t {
    kIndex = 1,
    kPid,
    kParentPid,
    kNamespacePid,
    kStart,
    kEnd,
    kName,
    kCommand,
    kExecutable,
    kPython,
    kContainer,  // index + 1; 0: none
};
}
namespace thread {
enum Field : uint32_t { kIndex = 1, kProcess, kTid, kName, kPythonName };
}
namespace module {
enum Field : uint32_t { kName = 1, kPath, kBuildId };
}
namespace source {
enum Field : uint32_t { kName = 1, kUnit, kPeriod, kFrequency };
}
namespace samples {
enum Field : uint32_t {
    kTimeDelta = 1,
    kWeight,
    kStack,  // id + 1; 0: empty
    kThread,
    kCpu,
    kSource,
    kState,
    kFlags,
    kSameWeight,  // of all, instead of kWeight
    kCount,
};
}
namespace statistic {
enum Field : uint32_t { kName = 1, kText, kValue, kLoss };
}
namespace setting {
enum Field : uint32_t { kKey = 1, kValue };
}
namespace times {
enum Field : uint32_t { kStart = 1, kEnd, kStartUnix };
}
namespace source_text {
enum Field : uint32_t { kFile = 1, kText };
}

}  // namespace pyebpf::record
