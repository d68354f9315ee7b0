# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Debian suites other than the host's: where their mirror is, and an apt that knows one suite and leaves the host's alone.
# Source it after common.sh. Mirrors are taken from the host's own package sources, never written down here.

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirror: prints the URI of a Debian archive. $PYEBPF_DEBIAN_MIRROR overrules it (for hosts that are no Debian).
debian_mirror() {
    local uri=${PYEBPF_DEBIAN_MIRROR:-}
    [ -n "$uri" ] || uri=$(source_uris | head -n 1)
    # A host without package lists has told apt nothing yet about who signs what.
    if [ -z "$uri" ] && [ "$(id -u)" -eq 0 ]; then
        apt-get -qq update >&2 || true
        uri=$(source_uris | head -n 1)
    fi
    [ -n "$uri" ] || die "no Debian archive among this host's package sources; name one in PYEBPF_DEBIAN_MIRROR"
    printf '%s\n' "$uri"
}

source_uris() {
    # shellcheck disable=SC2016  # apt expands these
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Identifier: Packages' | sed -n 's/^Debian|Debian|//p'
}

# use_suite SUITE [ARCHITECTURE]: lets suite_apt_get and suite_apt_cache work on that suite (foreign architectures included) and
# refreshes its lists. Sets `suite_dir`, the folder for downloads.
use_suite() {
    local architecture=${2:-$(dpkg --print-architecture)} mirror
    mirror=$(debian_mirror)
    suite_dir=$(cache_dir)/apt/$1-$architecture
    mkdir -p "$suite_dir/lists/partial" "$suite_dir/cache/archives/partial"
    : >"$suite_dir/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$debian_keyring" "$mirror" "$1" >"$suite_dir/sources.list"
    suite_options=(
        -o "Dir::Etc::SourceList=$suite_dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$suite_dir/lists" -o "Dir::State::status=$suite_dir/status" -o "Dir::Cache=$suite_dir/cache"
        -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Acquire::Languages=none
        -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false
        -o "DPkg::Lock::Timeout=600"
    )
    exec 8>"$suite_dir/lock" # two callers share one set of lists
    flock 8
    apt-get -qq "${suite_options[@]}" update >&2 || die "cannot read the package lists of Debian $1"
}

suite_apt_get() { (cd "$suite_dir" && apt-get -qq "${suite_options[@]}" "$@" >&2); }

suite_apt_cache() { apt-cache "${suite_options[@]}" "$@"; }

# leave_suite: lets the next caller in and drops what was downloaded.
leave_suite() {
    rm -f "$suite_dir"/*.deb
    exec 8>&-
}
