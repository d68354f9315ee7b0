# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts of tools/ share. Source it after `set -eu`; it sets `root` (the checkout) and defines functions.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [ -z "${HOME:-}" ]; then
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
    export HOME
fi

# say TEXT...: one line for the person at the terminal; stdout stays free for data.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die TEXT...: a failure that the caller can mend. Exit status 1.
die() {
    say "$*"
    exit 1
}

# usage_error TEXT...: wrong arguments. Exit status 2.
usage_error() {
    say "$*; see ${0##*/} --help"
    exit 2
}

# print_help: the comment block that follows the SPDX line of the running script.
print_help() { awk 'NR <= 2 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; }

# cache_dir: where downloads and what is made from them live, outside the checkout.
cache_dir() { printf '%s\n' "${PYEBPF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pyebpf}"; }

# as_builder COMMAND...: run a command as the person who called sudo, so that build files stay theirs. Without sudo, or where that
# person cannot write to the checkout, the command runs as the present user.
as_builder() {
    if builder_is_other_user; then
        HOME=$(getent passwd "$SUDO_UID" | cut -d: -f6) \
            setpriv --reuid="$SUDO_UID" --regid="${SUDO_GID:-$SUDO_UID}" --init-groups -- "$@"
    else
        "$@"
    fi
}

builder_is_other_user() {
    [ "$(id -u)" -eq 0 ] && [ "${SUDO_UID:-0}" -ne 0 ] && getent passwd "$SUDO_UID" >/dev/null &&
        setpriv --reuid="$SUDO_UID" --regid="${SUDO_GID:-$SUDO_UID}" --init-groups -- test -w "$root"
}

# prepare_build_dir DIR: make it, and hand it to the builder when an earlier run as root left files there.
prepare_build_dir() {
    as_builder mkdir -p "$root/build" 2>/dev/null || mkdir -p "$root/build"
    if builder_is_other_user && [ -n "$(find "$root/build" -maxdepth 3 ! -uid "$SUDO_UID" -print -quit)" ]; then
        chown -R -h "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$root/build"
    fi
    as_builder mkdir -p "$1"
}

# configure_preset PRESET: unless that was done. All messages of this function and the next go to stderr.
configure_preset() {
    local dir=$root/build/$1
    prepare_build_dir "$dir"
    [ ! -f "$dir/build.ninja" ] || return 0
    say "configuring build/$1"
    as_builder cmake -S "$root" --preset "$1" >/dev/null
}

# build_preset PRESET [TARGET]: configures if need be and builds. Two callers at a time take turns. Non-zero status on failure.
build_preset() {
    local dir=$root/build/$1 status=0
    prepare_build_dir "$dir"
    exec 9<"$dir"
    flock 9
    { configure_preset "$1" && run_ninja "$dir" "${2:-all}"; } || status=$?
    exec 9<&-
    return "$status"
}

# run_ninja DIR TARGET: silent when nothing is to be done.
run_ninja() {
    local quiet=()
    # A dry run that would first have to configure again says nothing of "no work", so it leads to a real one.
    if as_builder ninja -C "$1" -n "$2" 2>/dev/null | grep -q 'no work to do'; then return 0; fi
    [ -t 2 ] || quiet=(--quiet)
    say "building ${1#"$root"/}"
    as_builder ninja -C "$1" "${quiet[@]}" "$2" >&2
}
