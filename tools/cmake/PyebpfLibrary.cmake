# SPDX-License-Identifier: Apache-2.0
# pyebpf_library(NAME SOURCES file... [LINKS target...] [PRIVATE_LINKS target...])
# One static library per folder of userspace/, named pyebpf_NAME. Project headers are included relative to userspace/
# ("elf/elf_file.h") and the ABI relative to the top ("bpf/abi/sample.h").
function(pyebpf_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
    add_library(pyebpf_${name} STATIC ${ARG_SOURCES})
    target_include_directories(pyebpf_${name} PUBLIC ${PROJECT_SOURCE_DIR}/userspace ${PROJECT_SOURCE_DIR})
    target_link_libraries(pyebpf_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# pyebpf_unit_test(NAME SOURCES file... LINKS target...)
# A GoogleTest program tests/unit/NAME, registered with the label "unit". Test data is found under PYEBPF_TEST_DATA.
function(pyebpf_unit_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name} PRIVATE PYEBPF_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
