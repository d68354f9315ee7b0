#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/ci/check.sh [--help]
#
# The CI job: runs a command of two commits in turn under `pyebpf check`, and hands the result to the platform. Settings come from the
# environment (docs/ci.md):
#
#   PYEBPF_COMMAND         what to run, in the folder of each commit; required
#   PYEBPF_BASE_REF        the commit to compare with; default: the merge base with the target branch of the pull request
#   PYEBPF                 the program; default: pyebpf
#   PYEBPF_RUNS            runs of each commit; default: 7
#   PYEBPF_ARGUMENTS       more arguments of `pyebpf check`, divided at spaces
#   PYEBPF_REPORTS         folder for the reports; default: pyebpf-reports
#   PYEBPF_COMMENT         true: write a comment to the pull request (GitHub; needs gh and GH_TOKEN), and edit it in later runs
#   PYEBPF_INCONCLUSIVE    pass (default) or fail
#   PYEBPF_CANNOT_MEASURE  fail (default) or pass: for runners without the rights
#
# Exit status: 0 pass, 1 regression, 2 usage, 3 cannot measure, 4 inconclusive.
set -eu

PASS=0 REGRESSION=1 USAGE=2 CANNOT_MEASURE=3 INCONCLUSIVE=4
MARKER='<!-- pyebpf-check -->'

say() { printf 'pyebpf: %s\n' "$1" >&2; }

on_github() { [ "${GITHUB_ACTIONS:-}" = true ]; }

# Prints the commit to compare with.
base_commit() {
    ref=${PYEBPF_BASE_REF:-}
    if [ -z "$ref" ] && [ -n "${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}" ]; then ref=$CI_MERGE_REQUEST_DIFF_BASE_SHA; fi
    if [ -z "$ref" ] && [ -n "${GITHUB_BASE_REF:-}" ]; then
        ref=$(git merge-base HEAD "origin/$GITHUB_BASE_REF" 2>/dev/null) ||
            { say "no merge base with origin/$GITHUB_BASE_REF: check out with the whole history (fetch-depth: 0)"; return $USAGE; }
    fi
    [ -n "$ref" ] || { say 'nothing to compare with: set PYEBPF_BASE_REF'; return $USAGE; }
    git rev-parse --verify --quiet "$ref^{commit}" || { say "$ref is no commit of this checkout"; return $USAGE; }
}

# Quotes a word for the shell.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# Root, or the way to it; fails where there is none.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n --preserve-env=PATH,HOME,TMPDIR "$@"
    else
        say 'needs root, or sudo without a password: unprivileged runners cannot measure (docs/ci.md)'
        return $CANNOT_MEASURE
    fi
}

# The comment with the marker is edited; the first run writes it.
comment_on_github() {
    number=$(printf '%s' "${GITHUB_REF:-}" | sed -n 's|^refs/pull/\([0-9][0-9]*\)/.*|\1|p')
    [ -n "$number" ] || { say 'no comment: this is no pull request'; return 0; }
    comments="repos/$GITHUB_REPOSITORY/issues/$number/comments"
    known=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$MARKER\")) | .id" | head -n 1) || known=
    if [ -n "$known" ]; then
        gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known" -F "body=@$1" >/dev/null
    else
        gh api --method POST "$comments" -F "body=@$1" >/dev/null
    fi || say 'the comment could not be written: the job needs the permission pull-requests: write'
}

verdict_of() {
    case $1 in
        "$PASS") echo pass ;;
        "$REGRESSION") echo regression ;;
        "$CANNOT_MEASURE") echo cannot-measure ;;
        "$INCONCLUSIVE") echo inconclusive ;;
        *) echo error ;;
    esac
}

tell_github() {
    printf 'verdict=%s\n' "$(verdict_of "$1")" >> "${GITHUB_OUTPUT:-/dev/null}"
    case $1 in
        "$CANNOT_MEASURE") echo '::warning title=pyebpf::the check could not measure; the log tells why' ;;
    esac
    [ -s "$reports/comment.md" ] || return 0
    cat "$reports/annotations.txt"
    cat "$reports/comment.md" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
    if [ "${PYEBPF_COMMENT:-false}" = true ]; then comment_on_github "$reports/comment.md"; fi
}

# What the job exits with.
final_status() {
    case $1 in
        "$INCONCLUSIVE") if [ "${PYEBPF_INCONCLUSIVE:-pass}" = pass ]; then return $PASS; fi ;;
        "$CANNOT_MEASURE") if [ "${PYEBPF_CANNOT_MEASURE:-fail}" = pass ]; then return $PASS; fi ;;
    esac
    return "$1"
}

if [ "${1:-}" = --help ]; then
    sed -n '3,/^set -eu/p' "$0" | sed '$d; s/^# \{0,1\}//'
    exit 0
fi
[ -n "${PYEBPF_COMMAND:-}" ] || { say 'set PYEBPF_COMMAND'; exit $USAGE; }
reports=${PYEBPF_REPORTS:-pyebpf-reports}
mkdir -p "$reports"
rm -f "$reports/comment.md"
commit=$(base_commit)
base=$(mktemp -d)
trap 'git worktree remove --force "$base/base" >/dev/null 2>&1 || true; rm -rf "$base"' EXIT
git worktree add --quiet --detach "$base/base" "$commit"

status=0
# The arguments are words on purpose.
# shellcheck disable=SC2086
as_root "${PYEBPF:-pyebpf}" check --runs "${PYEBPF_RUNS:-7}" \
    --base "cd $(quoted "$base/base") && $PYEBPF_COMMAND" --head "cd $(quoted "$PWD") && $PYEBPF_COMMAND" \
    --source-root "$PWD" --report text=- \
    --report "markdown=$reports/comment.md" --report "annotations=$reports/annotations.txt" --report "junit=$reports/junit.xml" \
    --report "openmetrics=$reports/metrics.txt" --report "codequality=$reports/code-quality.json" \
    --report "bencher=$reports/bencher.json" --report "json=$reports/pyebpf.json" ${PYEBPF_ARGUMENTS:-} || status=$?
if on_github; then tell_github "$status"; fi
final_status "$status"
