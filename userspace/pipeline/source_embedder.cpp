// SPDX-License-Identifier: Apache-2.0
#include "pipeline/source_embedder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "sys/proc.h"

namespace pyebpf::pipeline {

namespace {

constexpr size_t kMaxFileBytes = 2 << 20;
constexpr size_t kMaxTotalBytes = 64 << 20;
constexpr size_t kMaxFiles = 1 << 16;
constexpr uint32_t kMaxAttempts = 8;  // the process may just have ended

std::string working_directory(uint32_t pid) {
    std::array<char, 4096> path{};
    const ssize_t bytes =
        readlink(fmt::format("/proc/{}/cwd", pid).c_str(), path.data(), path.size());
    return bytes > 0 ? std::string(path.data(), static_cast<size_t>(bytes)) : std::string();
}

}  // namespace

void SourceEmbedder::want(const std::string& path, uint32_t pid) {
    if (path.empty() || path.starts_with('<') || attempts_.size() >= kMaxFiles) return;
    uint32_t& attempts = attempts_[path];
    if (attempts == kMaxAttempts) return;
    ++attempts;
    const std::string absolute = path.starts_with('/') ? path : working_directory(pid) + "/" + path;
    const auto file = sys::open_in_root(pid, absolute);
    if (!file) return;
    std::string text(kMaxFileBytes + 1, '\0');
    size_t have = 0;
    while (have < text.size()) {
        const ssize_t got = ::read(file->get(), text.data() + have, text.size() - have);
        if (got <= 0) break;
        have += static_cast<size_t>(got);
    }
    if (have > kMaxFileBytes || embedded_bytes_ + have > kMaxTotalBytes) return;
    attempts = kMaxAttempts;
    text.resize(have);
    embedded_bytes_ += have;
    profile_.source_texts[profile_.strings.intern(path)] = std::move(text);
}

}  // namespace pyebpf::pipeline
