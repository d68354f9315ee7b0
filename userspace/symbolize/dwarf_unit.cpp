// SPDX-License-Identifier: Apache-2.0
// DWARF 5, sections 3.3 (functions, inlined calls) and 6.2 (lines). libdw checks every access
// against the section's size; what it does not bound (loops of references, amounts) is bounded
// here.
#include "symbolize/dwarf_unit.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace pyebpf::symbolize {
namespace {

// Of lexical blocks, classes and namespaces; generated code reaches 60.
constexpr int kMaxTreeDepth = 128;
// Entries of one unit. The largest units of real programs (merged by link-time optimization) have 2
// million.
constexpr uint32_t kMaxEntries = 8'000'000;
constexpr size_t kMaxScopeRanges = 4'000'000;
// Entry of an inlined call -> abstract instance -> declaration in a class: two steps.
constexpr int kMaxOrigins = 8;

class UnitReader {
  public:
    explicit UnitReader(const ExecutableRanges& code) : code_(code) {}

    std::unique_ptr<const UnitIndex> read(Dwarf_Die& unit, bool has_lines) {
        walk(unit, {.function = UnitIndex::kNone, .inlining = 0, .scope = kNoScope, .depth = 0});
        name_functions();
        if (has_lines) read_lines(unit);
        read_files(unit);
        return std::make_unique<const UnitIndex>(std::move(functions_), ranges_, std::move(lines_),
                                                 std::move(files_), std::move(names_));
    }

  private:
    static constexpr uint32_t kNoScope = UINT32_MAX;

    struct Place {
        uint32_t function;  // the innermost function around, or kNone
        uint32_t inlining;  // its depth of inlining
        uint32_t scope;     // the namespace or class around: index of scopes_
        int depth;
    };

    struct Scope {
        std::string_view name;
        uint32_t outer;
    };

    // What an entry says about a function after following its references.
    struct Origin {
        std::string_view name;
        bool is_linkage_name = false;
        uint32_t first_line = 0;
        // The last entry on the way, which stands inside its class or namespace.
        const void* entry = nullptr;
    };

    void walk(Dwarf_Die& parent, Place place) {
        if (place.depth > kMaxTreeDepth) return;
        Dwarf_Die entry;
        if (dwarf_child(&parent, &entry) != 0) return;
        uint64_t last_offset = dwarf_dieoffset(&parent);
        for (;;) {
            // A reference to the next sibling may point backward.
            const uint64_t offset = dwarf_dieoffset(&entry);
            if (offset <= last_offset || ++entries_ > kMaxEntries) return;
            last_offset = offset;
            visit(entry, place);
            Dwarf_Die next;
            if (dwarf_siblingof(&entry, &next) != 0) return;
            entry = next;
        }
    }

    void visit(Dwarf_Die& entry, Place place) {
        ++place.depth;
        switch (dwarf_tag(&entry)) {
            case DW_TAG_subprogram: {
                if (place.scope != kNoScope) scope_of_.emplace(entry.addr, place.scope);
                const auto index = static_cast<uint32_t>(functions_.size());
                if (!add_ranges(entry, index, 0)) return;
                add_function(entry, {});
                place.function = index;
                place.inlining = 0;
                walk(entry, place);
                return;
            }
            case DW_TAG_inlined_subroutine: {
                if (place.function == UnitIndex::kNone) return;
                const auto index = static_cast<uint32_t>(functions_.size());
                if (!add_ranges(entry, index, place.inlining + 1)) return;
                add_function(entry, {.caller = place.function,
                                     .call_file = number(entry, DW_AT_call_file),
                                     .call_line = number(entry, DW_AT_call_line)});
                place.function = index;
                ++place.inlining;
                walk(entry, place);
                return;
            }
            case DW_TAG_namespace:
            case DW_TAG_class_type:
            case DW_TAG_structure_type:
            case DW_TAG_union_type:
            case DW_TAG_enumeration_type:  // Rust's have functions
            case DW_TAG_interface_type:
            case DW_TAG_module: {
                scopes_.push_back({scope_name(entry), place.scope});
                place.scope = static_cast<uint32_t>(scopes_.size() - 1);
                walk(entry, place);
                return;
            }
            case DW_TAG_lexical_block:
            case DW_TAG_try_block:
            case DW_TAG_catch_block:
                walk(entry, place);
                return;
            default:
                return;
        }
    }

    // False if the entry has no code.
    bool add_ranges(Dwarf_Die& entry, uint32_t function, uint32_t rank) {
        bool has_code = false;
        ptrdiff_t position = 0;
        Dwarf_Addr base = 0;
        Dwarf_Addr begin = 0;
        Dwarf_Addr end = 0;
        while (ranges_.size() < kMaxScopeRanges &&
               (position = dwarf_ranges(&entry, position, &base, &begin, &end)) > 0) {
            if (begin >= end || !code_.contains(begin)) continue;
            ranges_.push_back({.start = begin,
                               .end = std::min(end, code_.end_of(begin)),
                               .rank = rank,
                               .value = function});
            has_code = true;
        }
        return has_code;
    }

    void add_function(Dwarf_Die& entry, UnitIndex::Function function) {
        functions_.push_back(function);
        origins_.push_back(origin_of(entry));
    }

    static uint32_t number(Dwarf_Die& entry, unsigned attribute_name) {
        Dwarf_Attribute attribute;
        Dwarf_Word value = 0;
        if (dwarf_attr(&entry, attribute_name, &attribute) == nullptr) return 0;
        if (dwarf_formudata(&attribute, &value) != 0 || value > UINT32_MAX) return 0;
        return static_cast<uint32_t>(value);
    }

    static std::string_view text(Dwarf_Die& entry, unsigned attribute_name) {
        Dwarf_Attribute attribute;
        if (dwarf_attr(&entry, attribute_name, &attribute) == nullptr) return {};
        const char* value = dwarf_formstring(&attribute);
        return value != nullptr ? value : std::string_view{};
    }

    static std::string_view scope_name(Dwarf_Die& entry) {
        const std::string_view name = text(entry, DW_AT_name);
        if (!name.empty()) return name;
        return dwarf_tag(&entry) == DW_TAG_namespace ? "(anonymous namespace)" : "(anonymous)";
    }

    static bool follow(Dwarf_Die& entry, unsigned attribute_name, Dwarf_Die& target) {
        Dwarf_Attribute attribute;
        return dwarf_attr(&entry, attribute_name, &attribute) != nullptr &&
               dwarf_formref_die(&attribute, &target) != nullptr;
    }

    // Index into known_origins_ of what the entry, or what it refers to, says.
    uint32_t origin_of(Dwarf_Die entry) {
        // Inlined calls of one function share an abstract instance, so it is worth remembering.
        Dwarf_Die abstract;
        if (!follow(entry, DW_AT_abstract_origin, abstract)) return remember(read_origin(entry));
        const auto [known, is_new] = origin_by_address_.try_emplace(abstract.addr, 0);
        if (is_new) known->second = remember(read_origin(abstract));
        return known->second;
    }

    uint32_t remember(const Origin& origin) {
        known_origins_.push_back(origin);
        return static_cast<uint32_t>(known_origins_.size() - 1);
    }

    static Origin read_origin(Dwarf_Die entry) {
        Origin origin;
        for (int step = 0; step < kMaxOrigins; ++step) {
            origin.entry = entry.addr;
            if (origin.first_line == 0) origin.first_line = number(entry, DW_AT_decl_line);
            std::string_view linkage_name = text(entry, DW_AT_linkage_name);
            if (linkage_name.empty()) linkage_name = text(entry, DW_AT_MIPS_linkage_name);
            if (!linkage_name.empty()) {
                origin.name = linkage_name;
                origin.is_linkage_name = true;
                return origin;
            }
            if (origin.name.empty()) origin.name = text(entry, DW_AT_name);
            Dwarf_Die target;
            if (!follow(entry, DW_AT_abstract_origin, target) &&
                !follow(entry, DW_AT_specification, target)) {
                break;
            }
            entry = target;
        }
        return origin;
    }

    // After the walk, because a function may be declared behind its use.
    void name_functions() {
        for (Origin& origin : known_origins_) {
            if (origin.is_linkage_name || origin.name.empty()) continue;
            const auto found = scope_of_.find(origin.entry);
            if (found == scope_of_.end()) continue;
            std::string qualified(origin.name);
            for (uint32_t scope = found->second; scope != kNoScope; scope = scopes_[scope].outer) {
                qualified.insert(0, std::string(scopes_[scope].name) + "::");
                if (qualified.size() > kMaxNameBytes) break;
            }
            names_.push_back(std::move(qualified));
            origin.name = names_.back();
        }
        for (size_t i = 0; i < functions_.size(); ++i) {
            const Origin& origin = known_origins_[origins_[i]];
            functions_[i].name = origin.name;
            functions_[i].first_line = origin.first_line;
        }
    }

    void read_lines(Dwarf_Die& unit) {
        Dwarf_Lines* lines = nullptr;
        size_t count = 0;
        if (dwarf_getsrclines(&unit, &lines, &count) != 0) return;
        lines_.reserve(count);
        for (size_t i = 0; i < count; ++i) {
            Dwarf_Line* line = dwarf_onesrcline(lines, i);
            Dwarf_Addr address = 0;
            int number = 0;
            bool ends_sequence = false;
            Dwarf_Files* files = nullptr;
            size_t file = 0;
            if (dwarf_lineaddr(line, &address) != 0 || dwarf_lineno(line, &number) != 0 ||
                dwarf_lineendsequence(line, &ends_sequence) != 0) {
                continue;
            }
            if (!ends_sequence && !code_.contains(address)) continue;
            if (dwarf_line_file(line, &files, &file) != 0) file = UINT32_MAX;
            const UnitIndex::Line row{
                .address = address,
                .file = static_cast<uint32_t>(std::min<size_t>(file, UINT32_MAX)),
                .line = static_cast<uint32_t>(std::max(number, 0)),
                .ends_sequence = ends_sequence};
            // Of several rows at one address the last one describes the instruction.
            if (!lines_.empty() && lines_.back().address == address)
                lines_.back() = row;
            else
                lines_.push_back(row);
        }
        std::stable_sort(lines_.begin(), lines_.end(),
                         [](const auto& a, const auto& b) { return a.address < b.address; });
    }

    void read_files(Dwarf_Die& unit) {
        Dwarf_Files* files = nullptr;
        size_t count = 0;
        if (dwarf_getsrcfiles(&unit, &files, &count) != 0) return;
        const std::string_view folder = text(unit, DW_AT_comp_dir);
        files_.reserve(count);
        for (size_t i = 0; i < count; ++i) {
            const char* name = dwarf_filesrc(files, i, nullptr, nullptr);
            if (name == nullptr || std::string_view(name) == "???")
                name = "";  // libdw's placeholder
            const bool is_relative = name[0] != '/' && name[0] != '\0';
            if (is_relative && !folder.empty() && folder.size() <= kMaxNameBytes) {
                names_.push_back(std::string(folder) + "/" + name);
                files_.emplace_back(names_.back());
            } else {
                files_.emplace_back(name);
            }
        }
    }

    static constexpr size_t kMaxNameBytes = 4096;

    const ExecutableRanges& code_;
    uint32_t entries_ = 0;
    std::vector<UnitIndex::Function> functions_;
    std::vector<uint32_t> origins_;  // of each function: index of known_origins_
    std::vector<Origin> known_origins_;
    std::unordered_map<const void*, uint32_t> origin_by_address_;
    std::vector<Scope> scopes_;
    std::unordered_map<const void*, uint32_t> scope_of_;  // entry of a function -> index of scopes_
    std::vector<RankedRange> ranges_;
    std::vector<UnitIndex::Line> lines_;
    std::vector<std::string_view> files_;
    std::deque<std::string> names_;
};

}  // namespace

std::unique_ptr<const UnitIndex> read_dwarf_unit(Dwarf* dwarf, uint64_t unit,
                                                 const ExecutableRanges& code, bool has_lines) {
    Dwarf_Die entry;
    if (dwarf_offdie(dwarf, unit, &entry) == nullptr) return nullptr;
    return UnitReader(code).read(entry, has_lines);
}

}  // namespace pyebpf::symbolize
