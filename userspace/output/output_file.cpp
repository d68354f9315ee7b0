// SPDX-License-Identifier: Apache-2.0
#include "output/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace pyebpf::output {

namespace {

constexpr mode_t kFileMode = 0666;  // less the umask
constexpr int kNameAttempts = 16;

// Not guessable, so that nobody can put a link of this name into a shared directory first; O_EXCL
// guards anyway.
std::string hidden_name(const std::string& file_name) {
    uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random)
        random = static_cast<uint64_t>(::getpid());
    constexpr size_t kKeptBytes = 200;  // NAME_MAX is 255
    return fmt::format(".{}.{:016x}.tmp", file_name.substr(0, kKeptBytes), random);
}

// What "path" names after links, so that a link is kept and its target replaced. The last part need
// not exist.
std::string follow_links(const std::string& path) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
    return error ? path : real.string();
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::string& path, Staging staging) {
    if (path.empty())
        return fail("the name of the output file is empty", "name a file, or - for stdout",
                    kExitUsage);
    if (path == "-" || path.starts_with("/dev/")) return open_in_place(path);

    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) {
        if (S_ISDIR(info.st_mode)) {
            return fail(fmt::format("{} is a directory", path), "name a file in it", kExitUsage);
        }
        if (!S_ISREG(info.st_mode)) return open_in_place(path);
    }
    return open_atomic(path, follow_links(path), staging);
}

Result<OutputFile> OutputFile::open_in_place(const std::string& path) {
    OutputFile file(Kind::kInPlace, path == "-" ? "stdout" : path);
    file.fd_.reset(path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                               : ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!file.fd_) return fail_errno("open " + file.name_, errno);
    file.sink_ = std::make_unique<FdSink>(file.fd_.get(), file.name_);
    return file;
}

Result<OutputFile> OutputFile::open_atomic(const std::string& path, const std::string& real_path,
                                           Staging staging) {
    const std::filesystem::path target(real_path);
    std::string directory = target.parent_path().string();
    if (directory.empty()) directory = ".";

    OutputFile file(Kind::kUnnamed, path);
    file.file_name_ = target.filename().string();
    if (file.file_name_.empty() || file.file_name_ == "." || file.file_name_ == ".." ||
        path.ends_with('/')) {
        return fail(fmt::format("{} names no file", path), "end the path with a file name",
                    kExitUsage);
    }
    file.directory_.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file.directory_) {
        const std::string doing = fmt::format("cannot write {}: directory {}", path, directory);
        auto error = fail_errno(doing, errno);
        error.value().hint = "create the directory first, or name another";
        return error;
    }

    bool has_tmpfile = staging == Staging::kUnnamedIfPossible;
    if (has_tmpfile) {
        file.fd_.reset(
            ::openat(file.directory_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, kFileMode));
        // What kernels and file systems without O_TMPFILE answer: open(2), O_TMPFILE.
        has_tmpfile = file.fd_ || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT &&
                                   errno != EINVAL);
    }
    if (!has_tmpfile) {
        file.kind_ = Kind::kTemporaryName;
        for (int attempt = 0; attempt < kNameAttempts && !file.fd_; attempt++) {
            std::string name = hidden_name(file.file_name_);
            file.fd_.reset(::openat(file.directory_.get(), name.c_str(),
                                    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
                                    kFileMode));
            if (file.fd_) file.temporary_name_ = std::move(name);
            if (!file.fd_ && errno != EEXIST) break;
        }
    }
    if (!file.fd_) {
        auto error =
            fail_errno(fmt::format("cannot write {}: directory {}", path, directory), errno);
        error.value().hint = "name a file in a directory that can be written to";
        return error;
    }
    file.sink_ = std::make_unique<FdSink>(file.fd_.get(), path);
    return file;
}

Result<void> OutputFile::commit() {
    if (auto finished = sink_->finish(); !finished) return finished;
    if (kind_ == Kind::kInPlace) return {};
    // Delayed allocation and network file systems report a full disk only here.
    if (::fsync(fd_.get()) != 0) return fail_errno("write " + name_, errno);
    return give_name();
}

Result<void> OutputFile::give_name() {
    const int directory = directory_.get();
    if (kind_ == Kind::kUnnamed) {
        // linkat(2) never replaces a name: take the final one if it is free, a hidden one to rename
        // otherwise.
        const std::string unnamed = fmt::format("/proc/self/fd/{}", fd_.get());
        const auto link_as = [&](const std::string& name) {
            return ::linkat(AT_FDCWD, unnamed.c_str(), directory, name.c_str(),
                            AT_SYMLINK_FOLLOW) == 0;
        };
        if (link_as(file_name_)) return {};
        for (int attempt = 0; attempt < kNameAttempts && errno == EEXIST && temporary_name_.empty();
             attempt++) {
            std::string name = hidden_name(file_name_);
            if (link_as(name)) temporary_name_ = std::move(name);
        }
        if (temporary_name_.empty()) return fail_errno("create " + name_, errno);
    }
    if (::renameat(directory, temporary_name_.c_str(), directory, file_name_.c_str()) != 0) {
        return fail_errno("replace " + name_, errno);
    }
    temporary_name_.clear();
    return {};
}

OutputFile::~OutputFile() {
    // A moved-from file has no directory any more.
    if (directory_ && !temporary_name_.empty())
        ::unlinkat(directory_.get(), temporary_name_.c_str(), 0);
}

}  // namespace pyebpf::output
