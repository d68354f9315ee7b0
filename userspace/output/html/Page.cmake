# SPDX-License-Identifier: Apache-2.0
# Bundles the HTML page with npm's esbuild and TypeScript. Sets PYEBPF_PAGE_SOURCE to the C++ file that holds it, or that says that it is
# absent. node_modules lives in the build folder; it is made anew only when the lock file changes.
find_program(NPM npm)
find_program(NODE NAMES node nodejs)
if(NPM AND NODE)
    set(has_npm ON)
else()
    set(has_npm OFF)
endif()
option(PYEBPF_HTML "Bundle the page of the HTML format; needs nodejs, npm and, the first time, a network" ${has_npm})

if(NOT PYEBPF_HTML)
    message(STATUS "HTML output: left out, as nodejs and npm are absent or PYEBPF_HTML is OFF")
    set(PYEBPF_PAGE_SOURCE page_absent.cpp)
    return()
endif()
if(NOT has_npm)
    message(FATAL_ERROR "PYEBPF_HTML needs nodejs and npm: install them, or configure with -DPYEBPF_HTML=OFF")
endif()

set(page_source_dir ${CMAKE_CURRENT_SOURCE_DIR}/html)
set(page_build_dir ${CMAKE_CURRENT_BINARY_DIR}/html)
file(MAKE_DIRECTORY ${page_build_dir})
file(GLOB page_sources CONFIGURE_DEPENDS ${page_source_dir}/*.ts)

add_custom_command(
    OUTPUT ${page_build_dir}/packages.stamp
    COMMAND ${CMAKE_COMMAND} -E copy ${page_source_dir}/package.json ${page_source_dir}/package-lock.json ${page_build_dir}
    COMMAND ${NPM} ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch packages.stamp
    DEPENDS ${page_source_dir}/package.json ${page_source_dir}/package-lock.json
    WORKING_DIRECTORY ${page_build_dir}
    COMMENT "npm ci for the HTML page (no network? configure with -DPYEBPF_HTML=OFF)"
    VERBATIM)
add_custom_command(
    OUTPUT ${page_build_dir}/page.cpp
    COMMAND ${NODE} ${page_source_dir}/build.mjs ${page_source_dir} ${page_build_dir}/page.cpp
    DEPENDS ${page_build_dir}/packages.stamp ${page_source_dir}/build.mjs ${page_source_dir}/tsconfig.json
            ${page_source_dir}/index.html ${page_source_dir}/style.css ${page_sources}
    WORKING_DIRECTORY ${page_build_dir}
    COMMENT "HTML page"
    VERBATIM)
set(PYEBPF_PAGE_SOURCE ${page_build_dir}/page.cpp)
