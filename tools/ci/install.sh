#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/ci/install.sh PREFIX
#
# Builds pyebpf from this checkout and installs it below PREFIX; what the build needs is installed through sudo.
set -eu
case ${1:-} in
    '' | -*) sed -n '3,5s/^# \{0,1\}//p' "$0"; [ "${1:-}" = --help ] && exit 0; exit 2 ;;
esac
cd "$(dirname "$0")/../.."
tools/install-packages build
cmake --preset release -DPYEBPF_TESTS=OFF
cmake --build --preset release
cmake --install build/release --prefix "$1"
