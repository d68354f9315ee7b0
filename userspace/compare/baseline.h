// SPDX-License-Identifier: Apache-2.0
// A folder of recordings to compare with: what each commit of a branch cost, by suite and machine.
//
//   FOLDER/index.json                                  what there is, for people and scripts
//   FOLDER/BRANCH/COMMIT/SUITE/MACHINE/entry.json      when it was saved, the work of each run
//                                      run-001.pyebpf …
//
// Names are encoded: any text is one harmless part of a path. An entry appears when it is complete
// and takes the place of another of the same names in one step; what a crash leaves behind is
// hidden, never listed, and removed by the next change. The folder may come from elsewhere (the
// cache of a CI system): names are taken from the path alone, and no link in it is followed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace pyebpf::compare {

// One part of a path: "feature%2Fx" for "feature/x". Reversible; a usage error for what is empty or
// too long for a file name.
[[nodiscard]] Result<std::string> path_part(std::string_view name);
// What path_part() was called with; an error for what it does not make.
[[nodiscard]] Result<std::string> name_of_part(std::string_view part);

struct BaselineKey {
    std::string branch;
    std::string commit;
    std::string suite;
    std::string machine;

    auto operator<=>(const BaselineKey&) const = default;
};

// "main@1a2b3c4, suite default"; printable
[[nodiscard]] std::string key_text(const BaselineKey& key);

struct BaselineRun {
    std::string path;  // of the recording
    double work = 0;   // units of work done; 0: not known
};

struct BaselineEntry {
    BaselineKey key;
    int64_t saved_unix_s = 0;
    std::vector<BaselineRun> runs;
    std::map<std::string, std::string> facts;  // of the environment, for people
};

// What list() and the others look for; an empty member means any.
struct BaselineQuery {
    BaselineKey key;
    [[nodiscard]] bool fits(const BaselineKey& candidate) const;
};

struct BaselineListing {
    std::vector<BaselineEntry> entries;  // the newest first
    std::vector<std::string> warnings;   // of entries that cannot be read
};

class BaselineFolder {
  public:
    // Has an index.json.
    [[nodiscard]] static bool is_one(const std::string& path);
    // Fails with kExitCannotMeasure if it is none.
    [[nodiscard]] static Result<BaselineFolder> open(const std::string& path);
    [[nodiscard]] static Result<BaselineFolder> open_or_create(const std::string& path);

    [[nodiscard]] BaselineListing list(const BaselineQuery& query = {}) const;
    // Copies the recordings of `entry`.
    [[nodiscard]] Result<void> save(const BaselineEntry& entry);
    [[nodiscard]] Result<void> remove(const std::vector<BaselineKey>& keys);

  private:
    explicit BaselineFolder(std::string path) : path_(std::move(path)) {}
    [[nodiscard]] Result<void> write_index() const;

    std::string path_;
};

// What to keep: of each branch, suite and machine the newest `keep` entries, of those that are not
// older than `oldest_unix_s`. Returns the others.
[[nodiscard]] std::vector<BaselineKey> superfluous(const std::vector<BaselineEntry>& entries,
                                                   size_t keep, int64_t oldest_unix_s);

}  // namespace pyebpf::compare
