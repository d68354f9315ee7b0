// SPDX-License-Identifier: Apache-2.0
#include "compare/function_table.h"

#include <gtest/gtest.h>

namespace pyebpf::compare {
namespace {

TEST(ModuleOfFile, IsBelowTheFolderOfTheLibrary) {
    EXPECT_EQ(module_of_file("/usr/lib/python3.13/json/encoder.py", ""), "json.encoder");
    EXPECT_EQ(module_of_file("/opt/v/lib/python3.13t/json/__init__.py", ""), "json");
    EXPECT_EQ(module_of_file("/opt/v/lib/python3.11/site-packages/django/db/models.py", ""),
              "django.db.models");
    EXPECT_EQ(module_of_file("/usr/lib/python3/dist-packages/yaml/loader.py", ""), "yaml.loader");
}

TEST(ModuleOfFile, IsBelowTheRootOfTheCheckout) {
    EXPECT_EQ(module_of_file("/ci/base/shop/views.py", "/ci/base/"), "shop.views");
    EXPECT_EQ(module_of_file("<string>", "/ci/base/"), "<string>");
    EXPECT_EQ(module_of_file("", "/ci/base/"), "");
}

TEST(ProjectRoot, IsCommonToWhatIsNotInstalled) {
    EXPECT_EQ(project_root({"/ci/base/shop/views.py", "/ci/base/main.py",
                            "/usr/lib/python3.13/json/encoder.py", "<frozen importlib>"}),
              "/ci/base/");
    EXPECT_EQ(project_root({"/ci/base/main.py"}), "/ci/base/");
    EXPECT_EQ(project_root({"/ci/one/a.py", "/ci/onetwo/b.py"}), "/ci/");
    EXPECT_EQ(project_root({"<string>"}), "");
}

TEST(FunctionTable, LinesDoNotMakeAnotherFunction) {
    FunctionTable table;
    const FunctionId first = table.intern({.name = "f", .module = "m", .first_line = 3});
    EXPECT_EQ(table.intern({.name = "f", .module = "m", .first_line = 9}), first);
    EXPECT_NE(table.intern({.name = "f", .module = "n"}), first);
    EXPECT_EQ(table[first].first_line, 9u);
    EXPECT_EQ(table[first].text(), "m:f");
}

}  // namespace
}  // namespace pyebpf::compare
