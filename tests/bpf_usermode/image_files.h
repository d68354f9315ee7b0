// SPDX-License-Identifier: Apache-2.0
// The recorded process images in tests/data/images.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bpf_usermode/process_image.h"

namespace pyebpf::test {

inline std::vector<std::string> image_files() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(PYEBPF_TEST_DATA "/images")) {
        if (entry.path().extension() == ".image") files.push_back(entry.path().filename().string());
    }
    std::ranges::sort(files);
    return files;
}

inline ProcessImage load_image(const std::string& file) {
    std::ifstream stream(std::string(PYEBPF_TEST_DATA "/images/") + file);
    std::ostringstream text;
    text << stream.rdbuf();
    auto image = parse_process_image(text.str());
    if (!image) ADD_FAILURE() << file << ": " << image.error().message;
    return image ? std::move(*image) : ProcessImage{};
}

// "cpython-3.12.1.waiting.image" as a name for GoogleTest.
inline std::string test_name(const ::testing::TestParamInfo<std::string>& file) {
    std::string name = file.param.substr(0, file.param.rfind('.'));
    for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

}  // namespace pyebpf::test
