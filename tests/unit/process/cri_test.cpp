// SPDX-License-Identifier: Apache-2.0
#include "process/cri.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

namespace pyebpf::process {
namespace {

using protozero::pbf_writer;

struct Listed {
    std::string id, name, image, user_specified_image;
    std::vector<std::pair<std::string, std::string>> labels;
};

std::string list_of(const std::vector<Listed>& containers) {
    std::string message;
    pbf_writer list(message);
    for (const Listed& one : containers) {
        pbf_writer container(list, 1);
        container.add_string(1, one.id);
        container.add_string(2, "sandbox");
        {
            pbf_writer metadata(container, 3);
            metadata.add_string(1, one.name);
            metadata.add_uint32(2, 1);  // attempt
        }
        {
            pbf_writer image(container, 4);
            image.add_string(1, one.image);
            if (!one.user_specified_image.empty()) image.add_string(18, one.user_specified_image);
        }
        container.add_enum(6, 1);
        for (const auto& [key, value] : one.labels) {
            pbf_writer label(container, 8);
            label.add_string(1, key);
            label.add_string(2, value);
        }
    }
    return message;
}

const Listed kApp{.id = "abc",
                  .name = "app",
                  .image = "shop:7",
                  .labels = {{"tier", "web"},
                             {"io.kubernetes.pod.name", "shop-1"},
                             {"io.kubernetes.pod.namespace", "prod"}}};

TEST(CriList, NamesTheContainerThatWasAskedFor) {
    const auto names = parse_cri_list(list_of({{.id = "ab", .name = "other"}, kApp}), "abc");
    ASSERT_TRUE(names);
    EXPECT_EQ(names->name, "app");
    EXPECT_EQ(names->image, "shop:7");
    EXPECT_EQ(names->pod, "shop-1");
    EXPECT_EQ(names->pod_namespace, "prod");
    EXPECT_FALSE(parse_cri_list(list_of({kApp}), "abcd"));
    EXPECT_FALSE(parse_cri_list("", "abc"));
}

TEST(CriList, PrefersTheImageThatTheUserNamed) {
    Listed one = kApp;
    one.image = "sha256:1234";
    one.user_specified_image = "shop:latest";
    EXPECT_EQ(parse_cri_list(list_of({one}), "abc")->image, "shop:latest");
}

TEST(CriList, TakesNoLongTextForAName) {
    Listed one = kApp;
    one.name = std::string(kMaxNameBytes + 1, 'x');
    EXPECT_EQ(parse_cri_list(list_of({one}), "abc")->name, "");
}

TEST(CriList, NoBytesDoHarm) {
    const std::string whole = list_of({kApp});
    for (size_t length = 1; length < whole.size(); ++length)
        EXPECT_FALSE(parse_cri_list(whole.substr(0, length), "abc")) << length;
    for (size_t at = 0; at < whole.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
            (void)parse_cri_list(damaged, "abc");
        }
    }
}

TEST(CriRequest, FiltersById) {
    EXPECT_EQ(cri_list_request("abc"),
              "\x0a\x05\x0a\x03"
              "abc");
}

}  // namespace
}  // namespace pyebpf::process
