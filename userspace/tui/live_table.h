// SPDX-License-Identifier: Apache-2.0
// The numbers behind `pyebpf top`: who took how much, over all of the time and over the last
// seconds. Fed with slices of a growing profile, whose ids may begin anew at any time
// (Profile::forget_stacks), so it remembers by text.
//
//   add(slice) … end_interval() … add(slice) … rows(view)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::tui {

enum class View : uint8_t { kFunctions, kLines, kProcesses, kContainers, kThreads };
inline constexpr size_t kViews = 5;
[[nodiscard]] std::string_view view_name(View view);

enum class Window : uint8_t { kNow, kAll };  // the last kNowIntervals, or since the beginning
inline constexpr size_t kNowIntervals = 3;

enum class SortBy : uint8_t { kSelf, kTotal, kName };

struct Amount {
    double self = 0;   // ticks in which it was the leaf (processes, threads: all of its ticks)
    double total = 0;  // ticks in which it was anywhere in the stack
};

struct Row {
    uint32_t key = 0;  // identifies it in callers_of()
    std::string name;
    std::string place;  // file:line, module, command; may be empty
    profile::FrameKind kind = profile::FrameKind::kMarker;
    Amount amount;
};

struct Selection {
    View view = View::kFunctions;
    Window window = Window::kNow;
    SortBy sort = SortBy::kSelf;
    std::string filter;  // part of the name or the place; case does not matter
    bool python_only = false;
};

// Shares of the threads that ran Python code.
struct Header {
    double ticks = 0;
    double python_ticks = 0;
    double gil_ticks = 0;  // known to hold the GIL
};

class LiveTable {
  public:
    void add(const profile::Profile& slice);
    // What is added from now on belongs to the next interval.
    void end_interval();
    void reset();

    [[nodiscard]] std::vector<Row> rows(const Selection& selection) const;
    // Who called a function, by how much of its total went through them.
    [[nodiscard]] std::vector<Row> callers_of(uint32_t key, Window window) const;
    [[nodiscard]] Header header(Window window) const;
    [[nodiscard]] std::string name_of(uint32_t key) const { return keys_[key].name; }

  private:
    struct Key {
        View view;
        std::string name;
        std::string place;
        profile::FrameKind kind;
    };
    using Amounts = std::unordered_map<uint64_t, Amount>;  // by key, or caller << 32 | function
    struct Interval {
        Amounts amounts;
        Amounts calls;
        Header header;
    };
    // The distinct functions and lines of a stack, leaf first; the leaf is its own first element.
    struct StackKeys {
        std::vector<uint32_t> functions;
        std::vector<uint32_t> lines;
        std::vector<uint64_t> calls;
        uint32_t leaf_function;
        uint32_t leaf_line;
        bool has_python = false;
    };

    uint32_t intern(View view, std::string name, std::string place, profile::FrameKind kind);
    const StackKeys& keys_of(const profile::Profile& slice, profile::StackId stack);
    static void merge(Interval& into, const Interval& from);
    [[nodiscard]] Interval interval(Window window) const;

    std::vector<Key> keys_;
    std::unordered_map<std::string, uint32_t> ids_;
    std::deque<Interval> intervals_{1};               // the newest last
    Interval all_;                                    // of the intervals that have ended
    std::unordered_map<uint32_t, StackKeys> stacks_;  // by StackId of the current epoch
    std::optional<uint32_t> epoch_;
};

}  // namespace pyebpf::tui
