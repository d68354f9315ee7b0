// SPDX-License-Identifier: Apache-2.0
#include "compare/baseline.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/escape.h"
#include "base/unique_fd.h"
#include "compare/exit_codes.h"
#include "output/output_file.h"

namespace pyebpf::compare {

namespace fs = std::filesystem;

namespace {

using nlohmann::ordered_json;

constexpr int kBaselineVersion = 1;
constexpr size_t kLongestPart = 255;  // NAME_MAX
constexpr uintmax_t kMostEntryBytes = 1 << 20;
constexpr size_t kMostRuns = 10'000;
constexpr const char* kIndex = "index.json";
constexpr const char* kEntry = "entry.json";
// Not the beginning of any encoded name.
constexpr std::string_view kUnfinished = ".unfinished-";

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '+' || c == '.';
}

// Neither a link nor anything else.
bool is_real_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(fs::symlink_status(path, error));
}
bool is_real_file(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(fs::symlink_status(path, error));
}

Result<fs::path> place_of(const BaselineKey& key) {
    fs::path place;
    for (const std::string* name : {&key.branch, &key.commit, &key.suite, &key.machine}) {
        auto part = path_part(*name);
        if (!part) return tl::unexpected(part.error());
        place /= *part;
    }
    return place;
}

std::string run_name(size_t index) {
    return fmt::format("run-{:03}.pyebpf", index + 1);
}

// Exclusive while it lives; a lock on the folder itself leaves no file behind.
Result<UniqueFd> lock(const std::string& path) {
    UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return fail_errno("open " + printable(path), errno);
    if (::flock(folder.get(), LOCK_EX) != 0) return fail_errno("lock " + printable(path), errno);
    return folder;
}

// A hidden folder that goes with everything in it.
class Unfinished {
  public:
    static Result<Unfinished> make(const std::string& folder) {
        Unfinished result;
        std::string path = folder + "/" + std::string(kUnfinished) + "XXXXXX";
        if (::mkdtemp(path.data()) == nullptr)
            return fail_errno("create a folder in " + printable(folder), errno);
        result.path_ = path;
        return result;
    }
    Unfinished(Unfinished&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    Unfinished& operator=(Unfinished&&) = delete;
    ~Unfinished() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    Unfinished() = default;
    fs::path path_;
};

// What a crash left; only under the lock.
void remove_unfinished(const std::string& folder) {
    std::error_code ignored;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder, ignored))
        if (entry.path().filename().string().starts_with(kUnfinished)) found.push_back(entry);
    for (const fs::path& path : found) fs::remove_all(path, ignored);
}

Result<void> copy_file(const std::string& from, const fs::path& to) {
    std::error_code error;
    if (!fs::is_regular_file(from, error))
        return fail(printable(from) + " is no file", "", kExitCannotMeasure);
    fs::copy_file(from, to, error);
    if (error) return fail(fmt::format("copy {}: {}", printable(from), error.message()));
    const UniqueFd file(::open(to.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0) return fail_errno("copy " + printable(from), errno);
    return {};
}

Result<void> write_document(const fs::path& path, const ordered_json& document) {
    auto file = output::OutputFile::open(path);
    if (!file) return tl::unexpected(file.error());
    file->sink().write(document.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    file->sink().write("\n");
    return file->commit();
}

ordered_json entry_json(const BaselineEntry& entry) {
    auto runs = ordered_json::array();
    for (size_t i = 0; i < entry.runs.size(); i++)
        runs.push_back({{"file", run_name(i)}, {"work", entry.runs[i].work}});
    ordered_json facts = ordered_json::object();
    for (const auto& [name, fact] : entry.facts) facts[printable(name)] = printable(fact);
    return {{"version", kBaselineVersion},
            {"saved_unix_s", entry.saved_unix_s},
            {"runs", runs},
            {"environment", facts}};
}

Result<BaselineEntry> read_entry(const fs::path& place, const BaselineKey& key) {
    const fs::path path = place / kEntry;
    const auto refuse = [&](std::string_view why) {
        return fail(fmt::format("{}: {}", printable(path.string()), why), "", kExitCannotMeasure);
    };
    std::error_code error;
    if (!is_real_file(path)) return refuse("is missing");
    if (fs::file_size(path, error) > kMostEntryBytes || error) return refuse("is too large");
    std::ifstream stream(path);
    const auto document = nlohmann::json::parse(stream, nullptr, false);
    if (!document.is_object() || document.value("version", nlohmann::json()) != kBaselineVersion ||
        !document.contains("runs") || !document["runs"].is_array() ||
        document["runs"].size() > kMostRuns || document["runs"].empty())
        return refuse("is no entry of a baseline");
    BaselineEntry entry{.key = key};
    if (const auto saved = document.find("saved_unix_s");
        saved != document.end() && saved->is_number_integer())
        entry.saved_unix_s = *saved;
    for (size_t i = 0; i < document["runs"].size(); i++) {
        const auto& run = document["runs"][i];
        // The names of files follow from their number; what the entry says is for people.
        const fs::path file = place / run_name(i);
        if (!is_real_file(file)) return refuse(run_name(i) + " is missing");
        const bool has_work = run.is_object() && run.contains("work") && run["work"].is_number();
        const double work = has_work ? run["work"].get<double>() : 0;
        entry.runs.push_back({file.string(), work > 0 ? work : 0});
    }
    if (const auto facts = document.find("environment");
        facts != document.end() && facts->is_object()) {
        for (const auto& [name, fact] : facts->items())
            if (fact.is_string()) entry.facts[name] = fact.get<std::string>();
    }
    return entry;
}

// The folders in `path` that have encoded names, with their names, in order of these.
std::map<std::string, fs::path> named_folders(const fs::path& path) {
    std::map<std::string, fs::path> result;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(path, error)) {
        const auto name = name_of_part(entry.path().filename().string());
        if (name && is_real_folder(entry.path())) result[*name] = entry.path();
    }
    return result;
}

// From `place` up to `top`, as long as there is nothing in them.
void remove_empty_folders(fs::path place, const fs::path& top) {
    while (place != top && ::rmdir(place.c_str()) == 0) place = place.parent_path();
}

// The folders from `top` to `place`, none of them a link.
Result<void> make_folders(const fs::path& top, const fs::path& place) {
    fs::path path = top;
    for (const fs::path& part : place) {
        path /= part;
        if (::mkdir(path.c_str(), 0777) == 0) continue;
        if (errno != EEXIST) return fail_errno("create " + printable(path.string()), errno);
        if (!is_real_folder(path)) return fail(printable(path.string()) + " is no folder");
    }
    return {};
}

// `from` appears as `to`; what was there is at `from` then, or nothing.
Result<void> put_in_place(const fs::path& from, const fs::path& to) {
    const bool is_there = fs::exists(fs::symlink_status(to));
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), is_there ? RENAME_EXCHANGE : 0) ==
        0)
        return {};
    // Some network file systems cannot exchange.
    if (is_there && (errno == EINVAL || errno == ENOSYS)) {
        std::error_code error;
        fs::remove_all(to, error);
        if (!error) fs::rename(from, to, error);
        if (!error) return {};
        return fail(fmt::format("replace {}: {}", printable(to.string()), error.message()));
    }
    return fail_errno("create " + printable(to.string()), errno);
}

}  // namespace

Result<std::string> path_part(std::string_view name) {
    std::string part;
    for (const char c : name) {
        // A leading dot hides a file, and "." and ".." are other folders.
        if (is_plain(c) && !(c == '.' && part.empty())) {
            part += c;
        } else {
            part += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    if (part.empty())
        return fail("the name of a branch, commit, suite or machine is empty", "", kExitUsage);
    if (part.size() > kLongestPart)
        return fail("too long for the name of a folder: " + printable(name, 100), "", kExitUsage);
    return part;
}

Result<std::string> name_of_part(std::string_view part) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    const auto wrong = [&] { return fail(printable(part) + " is no encoded name"); };
    std::string name;
    for (size_t i = 0; i < part.size(); i++) {
        if (part[i] != '%') {
            name += part[i];
            continue;
        }
        if (i + 2 >= part.size() || digit(part[i + 1]) < 0 || digit(part[i + 2]) < 0)
            return wrong();
        name += static_cast<char>(digit(part[i + 1]) * 16 + digit(part[i + 2]));
        i += 2;
    }
    // There is one encoding of a name.
    const auto again = path_part(name);
    if (!again || *again != part) return wrong();
    return name;
}

std::string key_text(const BaselineKey& key) {
    return fmt::format("{}@{}, suite {}", printable(key.branch, 100), printable(key.commit, 100),
                       printable(key.suite, 100));
}

bool BaselineQuery::fits(const BaselineKey& candidate) const {
    const auto fits = [](const std::string& wanted, const std::string& is) {
        return wanted.empty() || wanted == is;
    };
    return fits(key.branch, candidate.branch) && fits(key.commit, candidate.commit) &&
           fits(key.suite, candidate.suite) && fits(key.machine, candidate.machine);
}

bool BaselineFolder::is_one(const std::string& path) {
    return is_real_file(fs::path(path) / kIndex);
}

Result<BaselineFolder> BaselineFolder::open(const std::string& path) {
    if (is_one(path)) return BaselineFolder(path);
    return fail(printable(path) + " is no baseline: it has no index.json",
                "`pyebpf baseline save` makes one", kExitCannotMeasure);
}

Result<BaselineFolder> BaselineFolder::open_or_create(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return fail(fmt::format("create {}: {}", printable(path), error.message()));
    return BaselineFolder(path);
}

BaselineListing BaselineFolder::list(const BaselineQuery& query) const {
    BaselineListing listing;
    for (const auto& [branch, in_branch] : named_folders(path_)) {
        for (const auto& [commit, in_commit] : named_folders(in_branch)) {
            for (const auto& [suite, in_suite] : named_folders(in_commit)) {
                for (const auto& [machine, place] : named_folders(in_suite)) {
                    const BaselineKey key{branch, commit, suite, machine};
                    if (!query.fits(key)) continue;
                    auto entry = read_entry(place, key);
                    if (entry) {
                        listing.entries.push_back(std::move(*entry));
                    } else {
                        listing.warnings.push_back(entry.error().message);
                    }
                }
            }
        }
    }
    std::ranges::stable_sort(listing.entries, std::greater<>{}, &BaselineEntry::saved_unix_s);
    return listing;
}

Result<void> BaselineFolder::save(const BaselineEntry& entry) {
    const auto place = place_of(entry.key);
    if (!place) return tl::unexpected(place.error());
    if (entry.runs.empty() || entry.runs.size() > kMostRuns)
        return fail("a baseline needs recordings, at most 10,000", "", kExitUsage);
    const auto locked = lock(path_);
    if (!locked) return tl::unexpected(locked.error());
    remove_unfinished(path_);
    const auto unfinished = Unfinished::make(path_);
    if (!unfinished) return tl::unexpected(unfinished.error());
    const fs::path content = unfinished->path() / "entry";
    std::error_code error;
    fs::create_directory(content, error);  // with the permissions of the user's mask
    if (error) return fail(fmt::format("create {}: {}", content.string(), error.message()));
    for (size_t i = 0; i < entry.runs.size(); i++) {
        if (auto copied = copy_file(entry.runs[i].path, content / run_name(i)); !copied)
            return copied;
    }
    if (auto written = write_document(content / kEntry, entry_json(entry)); !written)
        return written;

    const fs::path to = fs::path(path_) / *place;
    auto placed = make_folders(path_, place->parent_path());
    if (placed) placed = put_in_place(content, to);
    if (!placed) {
        remove_empty_folders(to.parent_path(), path_);
        return placed;
    }
    return write_index();
}

Result<void> BaselineFolder::remove(const std::vector<BaselineKey>& keys) {
    const auto locked = lock(path_);
    if (!locked) return tl::unexpected(locked.error());
    remove_unfinished(path_);
    const auto unfinished = Unfinished::make(path_);
    if (!unfinished) return tl::unexpected(unfinished.error());
    for (size_t i = 0; i < keys.size(); i++) {
        const auto place = place_of(keys[i]);
        if (!place) return tl::unexpected(place.error());
        fs::path parent = path_;
        bool is_real = true;
        for (const fs::path& part : *place) {
            parent /= part;
            is_real = is_real && is_real_folder(parent);
        }
        // Another program may have been faster.
        if (!is_real) continue;
        std::error_code error;
        fs::rename(parent, unfinished->path() / std::to_string(i), error);
        if (error)
            return fail(fmt::format("remove {}: {}", printable(parent.string()), error.message()));
        remove_empty_folders(parent.parent_path(), path_);
    }
    return write_index();
}

Result<void> BaselineFolder::write_index() const {
    auto entries = ordered_json::array();
    for (const BaselineEntry& entry : list().entries) {
        const auto place = place_of(entry.key);
        entries.push_back({{"branch", printable(entry.key.branch)},
                           {"commit", printable(entry.key.commit)},
                           {"suite", printable(entry.key.suite)},
                           {"machine", printable(entry.key.machine)},
                           {"saved_unix_s", entry.saved_unix_s},
                           {"runs", entry.runs.size()},
                           {"folder", place ? place->string() : ""}});
    }
    return write_document(fs::path(path_) / kIndex,
                          {{"version", kBaselineVersion}, {"entries", entries}});
}

std::vector<BaselineKey> superfluous(const std::vector<BaselineEntry>& entries, size_t keep,
                                     int64_t oldest_unix_s) {
    std::vector<const BaselineEntry*> newest_first;
    for (const BaselineEntry& entry : entries) newest_first.push_back(&entry);
    std::ranges::stable_sort(newest_first, std::greater<>{}, &BaselineEntry::saved_unix_s);
    std::map<std::tuple<std::string, std::string, std::string>, size_t> kept;
    std::vector<BaselineKey> result;
    for (const BaselineEntry* entry : newest_first) {
        const BaselineKey& key = entry->key;
        size_t& count = kept[{key.branch, key.suite, key.machine}];
        if (count < keep && entry->saved_unix_s >= oldest_unix_s) {
            count++;
        } else {
            result.push_back(key);
        }
    }
    return result;
}

}  // namespace pyebpf::compare
