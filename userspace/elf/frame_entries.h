// SPDX-License-Identifier: Apache-2.0
// FrameEntries: the entries of .eh_frame and .debug_frame of one file.
//
//   common information (CIE)  factors, pointer encoding and initial instructions that many
//   functions share description (FDE)         one code range, and the instructions that say how its
//   frame changes within it
//
// Format: DWARF 5 section 6.4.1 and, for .eh_frame, Linux Standard Base Core 5.0 sections 10.6
// and 10.5 (encodings). Everything points into the ElfFile, which must outlive this.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/addresses.h"
#include "elf/elf_file.h"
#include "elf/encoded_pointers.h"

namespace pyebpf::elf {

struct CommonInformation {
    uint64_t code_alignment = 1;
    int64_t data_alignment = 1;
    uint64_t return_register = 0;
    uint8_t pointer_encoding = 0;
    bool has_augmentation_data = false;
    bool is_signal_frame = false;
    bool is_debug_frame = false;
    std::span<const uint8_t> instructions;
};

struct Description {
    StatedAddress begin;
    StatedAddress end;
    std::span<const uint8_t> instructions;
    uint32_t common = 0;  // index for FrameEntries::common
};

class FrameEntries {
  public:
    // Only descriptions that begin in an executable segment are kept; of two that overlap, the one
    // that begins first. .debug_frame fills in where .eh_frame has nothing.
    explicit FrameEntries(const ElfFile& file);

    // Sorted, disjoint, not empty.
    [[nodiscard]] std::span<const Description> descriptions() const { return descriptions_; }
    [[nodiscard]] const CommonInformation& common(uint32_t index) const { return commons_[index]; }
    [[nodiscard]] size_t common_count() const { return commons_.size(); }
    // For DW_CFA_set_loc in the instructions of descriptions with this common information.
    [[nodiscard]] const EncodedPointers& pointers(uint32_t common_index) const {
        return commons_[common_index].is_debug_frame ? debug_frame_ : eh_frame_;
    }
    [[nodiscard]] uint64_t bad_descriptions() const { return bad_descriptions_; }

  private:
    static EncodedPointers find_eh_frame(const ElfFile& file);
    static EncodedPointers find_debug_frame(const ElfFile& file);
    [[nodiscard]] std::vector<Description> read_section(const EncodedPointers& pointers,
                                                        bool is_debug_frame);
    void fill_gaps(std::vector<Description> candidates);

    EncodedPointers eh_frame_;
    EncodedPointers debug_frame_;
    std::vector<CommonInformation> commons_;
    std::vector<Description> descriptions_;
    uint64_t bad_descriptions_ = 0;
};

}  // namespace pyebpf::elf
