// SPDX-License-Identifier: Apache-2.0
#include "symbolize/demangle.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "symbolize/cpp_name_size.h"
#include "symbolize/rust_demangle.h"
#include "symbolize/rust_text.h"

namespace pyebpf::symbolize {
namespace {

TEST(Demangle, NamesThatAreNotMangledStay) {
    EXPECT_EQ(demangle(""), "");
    EXPECT_EQ(demangle("main"), "main");
    EXPECT_EQ(demangle("_PyEval_EvalFrameDefault"), "_PyEval_EvalFrameDefault");
    EXPECT_EQ(demangle("runtime.mallocgc"), "runtime.mallocgc");
    EXPECT_EQ(demangle("main.(*T).part"), "main.(*T).part");
    EXPECT_EQ(demangle("_Z"), "_Z");
    EXPECT_EQ(demangle("_Znot_a_name"), "_Znot_a_name");
    EXPECT_EQ(demangle("_R"), "_R");
    EXPECT_EQ(demangle("_Rust"), "_Rust");
}

TEST(Demangle, Cpp) {
    EXPECT_EQ(demangle("_ZN3foo3barEv"), "foo::bar()");
    EXPECT_EQ(demangle("_ZNSt6vectorIiSaIiEE9push_backERKi"),
              "std::vector<int, std::allocator<int> >::push_back(int const&)");
    EXPECT_EQ(
        demangle("_ZNSsC1Ev"),
        "std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string()");
    EXPECT_EQ(demangle("_ZZN4shop4fillEiENKUliE_clEi"),
              "shop::fill(int)::{lambda(int)#1}::operator()(int) const");
    EXPECT_EQ(demangle("_ZThn16_N1A1fEv"), "non-virtual thunk to A::f()");
    EXPECT_EQ(demangle("_Z3addIiENSt9enable_ifIXsrSt11is_integralIT_E5valueES2_E4typeES2_S2_"),
              "std::enable_if<std::is_integral<int>::value, int>::type add<int>(int, int)");
}

TEST(Demangle, CloneMarksStandApart) {
    EXPECT_EQ(demangle("compress.cold"), "compress [.cold]");
    EXPECT_EQ(demangle("compress.part.0"), "compress [.part.0]");
    EXPECT_EQ(demangle("compress.constprop.0.isra.0.cold"), "compress [.constprop.0.isra.0.cold]");
    EXPECT_EQ(demangle("compress.lto_priv.12"), "compress [.lto_priv.12]");
    EXPECT_EQ(demangle("compress.llvm.1234567"), "compress");
    EXPECT_EQ(demangle("_ZN3foo3barEv.part.0.cold"), "foo::bar() [.part.0.cold]");
    EXPECT_EQ(demangle("pkg.Type.cold"), "pkg.Type [.cold]");
    EXPECT_EQ(demangle(".cold"), ".cold");
    EXPECT_EQ(demangle("file.0"), "file.0");
    EXPECT_EQ(demangle("file.part"), "file.part");
}

TEST(Demangle, RustNamesOfAProgram) {
    std::ifstream list(PYEBPF_TEST_DATA "/symbolize/rust_names.tsv");
    std::string line;
    size_t names = 0;
    while (std::getline(list, line)) {
        if (line.starts_with('#')) continue;
        const size_t tab = line.find('\t');
        ASSERT_NE(tab, std::string::npos) << line;
        EXPECT_EQ(demangle(line.substr(0, tab)), line.substr(tab + 1)) << line.substr(0, tab);
        ++names;
    }
    EXPECT_GT(names, 200u);
}

TEST(Demangle, RustLegacy) {
    EXPECT_EQ(
        demangle("_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE"),
        "core::ptr::drop_in_place<alloc::string::String>");
    EXPECT_EQ(demangle("_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Debug$GT$"
                       "3fmt17h0123456789abcdefE.llvm.99"),
              "<alloc::string::String as core::fmt::Debug>::fmt");
    EXPECT_EQ(demangle("_ZN3foo3bar17h0123456789abcdefE.cold"), "foo::bar [.cold]");
    // Without the hash it is C++.
    EXPECT_EQ(demangle("_ZN3foo17h0123456789abcdegE"), "foo::h0123456789abcdeg");
    EXPECT_FALSE(demangle_rust_legacy("_ZN17h0123456789abcdefE"));
    EXPECT_FALSE(demangle_rust_legacy("_ZN3foo17h0123456789abcdef"));
    EXPECT_FALSE(demangle_rust_legacy("_ZN3$X$17h0123456789abcdefE"));
    EXPECT_FALSE(demangle_rust_legacy("_ZN99999999999999999999999foo17h0123456789abcdefE"));
}

// Examples of RFC 2603 and of the grammar's corners.
TEST(Demangle, RustV0) {
    EXPECT_EQ(demangle("_RNvC6mycr3foo"),
              "_RNvC6mycr3foo");  // 6 bytes for the crate reach to "mycr3f"
    EXPECT_EQ(demangle("_RNvC4mycr3foo"), "mycr::foo");
    EXPECT_EQ(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
    EXPECT_EQ(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
    EXPECT_EQ(demangle("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo"),
              "<mycrate::Example>::foo");
    EXPECT_EQ(demangle("_RINvCsd_7mycrate3foolKj1_E"), "mycrate::foo::<i32, 1>");
    EXPECT_EQ(demangle("_RNCNvC4mycr3foo0"), "mycr::foo::{closure#0}");
    EXPECT_EQ(demangle("_RNCNvC4mycr3foos_0"), "mycr::foo::{closure#1}");
    EXPECT_EQ(demangle("_RNvC4mycru8gdel_5qa"), "mycr::gödel");
    EXPECT_EQ(demangle("_RINvC1a1fFUKCPhEmE"), "a::f::<unsafe extern \"C\" fn(*const u8) -> u32>");
    EXPECT_EQ(demangle("_RINvC1a1fKb1_Kc61_Kan5_E"), "a::f::<true, 'a', -5>");
    EXPECT_EQ(demangle("_RINvC1a1fAhKj10_E"),
              "_RINvC1a1fAhKj10_E");  // the length is a constant without "K"
    EXPECT_EQ(demangle("_RINvC1a1fAhj10_E"), "a::f::<[u8; 16]>");
    EXPECT_EQ(demangle("_RNvC1a1fC3bbb"), "a::f");  // instantiated by crate bbb
}

TEST(Demangle, RustV0RefusesWhatIsMalformed) {
    for (const auto* name :
         {"_RNvC4mycr", "_RNvC9mycr3foo", "_RB_", "_RNvB9_3foo", "_RINvC1a1flE_x",
          "_RNvC4mycr3fooX", "_RINvC1a1fL9_E", "_RINvC1a1fG_E", "_RNvC4mycru3\xff\xff\xff"}) {
        EXPECT_EQ(demangle(name), name);
    }
}

TEST(Demangle, RustV0BackReferencesCannotExplode) {
    // Each tuple holds its predecessor twice.
    std::string name = "_RINvC1a1f";
    std::string types;
    size_t previous = name.size() - 2;
    name += "TllE";
    for (int i = 0; i < 40; ++i) {
        const size_t at = name.size() - 2;
        std::string digits;
        for (size_t value = previous - 1;; value /= 62) {
            const size_t digit = value % 62;
            digits.insert(digits.begin(), static_cast<char>(digit < 10   ? '0' + digit
                                                            : digit < 36 ? 'a' + digit - 10
                                                                         : 'A' + digit - 36));
            if (value < 62) break;
        }
        name += "TB" + digits + "_B" + digits + "_E";
        previous = at;
    }
    name += "E";
    EXPECT_EQ(demangle(name), name);
    // A reference to itself and deep nesting end too.
    EXPECT_EQ(demangle("_RINvC1a1fB8_E"), "_RINvC1a1fB8_E");
    const std::string deep = "_RINvC1a1f" + std::string(100000, 'S') + "lE";
    EXPECT_EQ(demangle(deep), deep);
}

TEST(Demangle, CppBackReferencesCannotExplode) {
    std::string name = "_Z1f1PIiiES_IS0_S0_E";
    const auto reference = [](int i) {
        const char* digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        return "S" + (i >= 36 ? std::string(1, digits[i / 36]) : "") + digits[i % 36] + "_";
    };
    for (int i = 1; i < 60; ++i) name += "S_I" + reference(i) + reference(i) + "E";
    const auto size = cpp_name_size(name);
    ASSERT_TRUE(size);
    EXPECT_GE(*size, uint64_t{1} << 40);
    EXPECT_EQ(demangle(name), name);
}

TEST(Demangle, DeepTemplatesWithinReasonAreDecoded) {
    std::string name = "_Z1f";
    std::string text = "int";
    for (int i = 0; i < 40; ++i) name += "1AI";
    name += "i" + std::string(40, 'E');
    for (int i = 0; i < 40; ++i) text = "A<" + text + (text.ends_with('>') ? " >" : ">");
    EXPECT_EQ(demangle(name), "f(" + text + ")");
}

TEST(CppNameSize, IsAnUpperBound) {
    for (const auto* name : {"_ZN3foo3barEv", "_ZNSt6vectorIiSaIiEE9push_backERKi",
                             "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc",
                             "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEC2ERKS4_",
                             "_ZNKSt8functionIFvPKcEEclES1_",
                             "_ZSt7forwardIRKSt4pairIKNSt7__cxx1112basic_stringIcSt11char_"
                             "traitsIcESaIcEEEiEEOT_RNSt16remove_referenceISB_E4typeE"}) {
        const auto size = cpp_name_size(name);
        ASSERT_TRUE(size) << name;
        EXPECT_GE(*size, demangle(name).size()) << name;
        EXPECT_NE(demangle(name), name);
    }
}

TEST(Punycode, KnownWords) {
    EXPECT_EQ(decode_punycode("gdel_5qa"), "gödel");
    EXPECT_EQ(decode_punycode("pure_"), "pure");
    EXPECT_EQ(decode_punycode("n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"),
              "なぜみんな日本語を話してくれないのか");  // RFC 3492, 7.1
    EXPECT_FALSE(decode_punycode("!"));
    EXPECT_FALSE(decode_punycode("99999999999"));
}

TEST(Demangle, HugeNamesAreLeftAlone) {
    for (const char* start : {"_ZN", "_R", "_Z1fI", "f.cold."}) {
        const std::string name = std::string(start) + std::string(1 << 20, '.');
        EXPECT_EQ(demangle(name), name);
    }
    const std::string nested = "_Z1f" + std::string(1 << 20, 'P') + "i";
    EXPECT_EQ(demangle(nested), nested);
}

TEST(Demangle, DamagedNamesDoNotCrash) {
    const std::string seeds[] = {
        "_ZNSt6vectorIiSaIiEE9push_backERKi",
        "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc",
        "_ZZN4shop4fillEiENKUliE_clEi",
        "_Z3addIiENSt9enable_ifIXsrSt11is_integralIT_E5valueES2_E4typeES2_S2_",
        "_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE",
        "_RINvCsd_7mycrate3fooTlRNtB2_3BarEKj1_FG0_RL0_hRL_hEuE",
        "_RNvC4mycru8gdel_5qa"};
    std::mt19937 random(19);
    for (int round = 0; round < 100000; ++round) {
        std::string name = seeds[random() % std::size(seeds)];
        for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
            const std::string& other = seeds[random() % std::size(seeds)];
            name[2 + random() % (name.size() - 2)] =
                random() % 4 == 0 ? static_cast<char>(random()) : other[random() % other.size()];
        }
        EXPECT_LT(demangle(name).size(), 300000u);
    }
}

}  // namespace
}  // namespace pyebpf::symbolize
