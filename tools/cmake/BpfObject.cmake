# SPDX-License-Identifier: Apache-2.0
# add_bpf_object(NAME SOURCES file.bpf.c... [DEFINITIONS macro...])
# Compiles each source with clang for the BPF target, links them with `bpftool gen object` into NAME.bpf.o and generates
# the skeleton header NAME.skel.h. Defines the INTERFACE target NAME_skeleton that gives its include folder.
# clang 19 is the newest that Debian 12 has; older clangs emit code that the 5.10 verifier refuses (docs/limits.md).
find_program(BPF_CLANG NAMES clang-19 clang-20 clang-18 clang REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(BPF_ARCH arm64)
    set(VMLINUX_ARCH arm64)
else()
    set(BPF_ARCH x86)
    set(VMLINUX_ARCH x86_64)
endif()

function(add_bpf_object name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEFINITIONS" ${ARGN})
    list(TRANSFORM ARG_DEFINITIONS PREPEND -D)
    set(objects)
    foreach(source ${ARG_SOURCES})
        get_filename_component(stem ${source} NAME_WE)
        set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.${stem}.tmp.bpf.o)
        add_custom_command(
            OUTPUT ${object}
            COMMAND ${BPF_CLANG} --target=bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter
                    -Wno-missing-field-initializers -Werror -D__TARGET_ARCH_${BPF_ARCH} ${ARG_DEFINITIONS}
                    -I${PROJECT_SOURCE_DIR} -isystem ${PROJECT_SOURCE_DIR}/vmlinux/${VMLINUX_ARCH}
                    -MMD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
            DEPENDS ${source}
            DEPFILE ${object}.d
            COMMENT "BPF ${source}"
            VERBATIM)
        list(APPEND objects ${object})
    endforeach()
    set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
    set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
    add_custom_command(
        OUTPUT ${skeleton}
        BYPRODUCTS ${linked}
        COMMAND ${BPFTOOL} gen object ${linked} ${objects}
        COMMAND sh -c "'${BPFTOOL}' gen skeleton '${linked}' name ${name}_bpf > '${skeleton}.tmp' && mv '${skeleton}.tmp' '${skeleton}'"
        DEPENDS ${objects}
        COMMENT "BPF skeleton ${name}.skel.h"
        VERBATIM)
    add_custom_target(${name}_skeleton_header DEPENDS ${skeleton})
    add_library(${name}_skeleton INTERFACE)
    target_include_directories(${name}_skeleton SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
    add_dependencies(${name}_skeleton ${name}_skeleton_header)
endfunction()
