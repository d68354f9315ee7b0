# SPDX-License-Identifier: Apache-2.0
"""tools/ci/check.sh with made-up platforms: the environment of GitHub and GitLab, and programs that note how they were called."""
import os
import pathlib
import subprocess
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = PROJECT / "tools" / "ci" / "check.sh"

# Writes what it was called with, and every report that it was asked for.
PYEBPF = """#!/bin/sh
printf '%s\\n' "$@" > "$CALLS/pyebpf"
for argument; do
    case $argument in
        text=*) ;;
        markdown=*) printf '<!-- pyebpf-check -->\\nslower\\n' > "${argument#*=}" ;;
        annotations=*) echo '::warning file=app.py,line=3,title=pyebpf check::slower' > "${argument#*=}" ;;
        *=*/*) echo report > "${argument#*=}" ;;
    esac
done
exit "${FAKE_STATUS:-0}"
"""
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS/gh"
case "$*" in *--jq*) printf '%s' "${FAKE_COMMENT:-}" ;; esac
"""
SUDO = """#!/bin/sh
[ "${FAKE_SUDO:-yes}" = yes ] || exit 1
while [ $# -gt 0 ]; do case $1 in -*) shift ;; *) break ;; esac; done
echo used >> "$CALLS/sudo"
exec "$@"
"""
ID = '#!/bin/sh\nif [ "$1" = -u ]; then echo "${FAKE_UID:-0}"; else exec /usr/bin/id "$@"; fi\n'


class CheckScript(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pyebpf-test-")
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.calls = self.top / "calls"
        self.calls.mkdir()
        programs = self.top / "bin"
        programs.mkdir()
        for name, text in (("pyebpf", PYEBPF), ("gh", GH), ("sudo", SUDO), ("id", ID)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.checkout = self.top / "check out's"  # a name that wants quoting
        self.checkout.mkdir()
        self.environment = {
            "PATH": "%s:/usr/bin:/bin" % programs,
            "HOME": str(self.top),
            "CALLS": str(self.calls),
            "PYEBPF_COMMAND": "python3 bench.py --n '3'",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.git("init", "-q", "-b", "main")
        self.git("commit", "-q", "--allow-empty", "-m", "base")
        self.base = self.git("rev-parse", "HEAD").strip()
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.git("commit", "-q", "--allow-empty", "-m", "head")

    def git(self, *arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", *identity, *arguments], cwd=self.checkout, env=self.environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def run_script(self, **environment):
        return subprocess.run([str(SCRIPT)], cwd=self.checkout, env={**self.environment, **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)

    def github(self, **environment):
        return self.run_script(GITHUB_ACTIONS="true", GITHUB_BASE_REF="main", GITHUB_REF="refs/pull/17/merge", GITHUB_REPOSITORY="o/r",
                               GITHUB_OUTPUT=str(self.top / "output"), GITHUB_STEP_SUMMARY=str(self.top / "summary"), **environment)

    def called(self, name):
        path = self.calls / name
        return path.read_text() if path.exists() else ""

    def test_compares_the_merge_base_with_the_checkout(self):
        done = self.github()
        self.assertEqual(done.returncode, 0, done.stderr)
        arguments = self.called("pyebpf").splitlines()
        base = arguments[arguments.index("--base") + 1]
        head = arguments[arguments.index("--head") + 1]
        self.assertTrue(base.endswith("/base' && python3 bench.py --n '3'"), base)
        # The shell that runs it must arrive in the checkout, whatever its name.
        where = subprocess.run(["sh", "-c", head.replace("python3 bench.py --n '3'", "pwd")], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(where.stdout.strip(), str(self.checkout))
        self.assertEqual(self.git("worktree", "list").count("\n"), 1, "the base's folder stayed")

    def test_a_regression_fails_and_is_shown(self):
        done = self.github(FAKE_STATUS="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("::warning file=app.py,line=3", done.stdout)
        self.assertIn("slower", (self.top / "summary").read_text())
        self.assertIn("verdict=regression", (self.top / "output").read_text())
        self.assertEqual(self.called("gh"), "", "no comment was asked for")

    def test_inconclusive_passes_unless_it_shall_not(self):
        self.assertEqual(self.github(FAKE_STATUS="4").returncode, 0)
        self.assertEqual(self.github(FAKE_STATUS="4", PYEBPF_INCONCLUSIVE="fail").returncode, 4)

    def test_cannot_measure_fails_unless_it_shall_not(self):
        self.assertEqual(self.github(FAKE_STATUS="3").returncode, 3)
        self.assertEqual(self.github(FAKE_STATUS="3", PYEBPF_CANNOT_MEASURE="pass").returncode, 0)

    def test_the_first_comment_is_written(self):
        self.github(FAKE_STATUS="1", PYEBPF_COMMENT="true")
        self.assertIn("--method POST repos/o/r/issues/17/comments", self.called("gh"))

    def test_a_later_comment_is_edited(self):
        self.github(FAKE_STATUS="1", PYEBPF_COMMENT="true", FAKE_COMMENT="4711")
        self.assertIn("--method PATCH repos/o/r/issues/comments/4711", self.called("gh"))
        self.assertNotIn("POST", self.called("gh"))

    def test_uses_sudo_where_it_is_not_root(self):
        self.assertEqual(self.github(FAKE_UID="1000").returncode, 0)
        self.assertIn("used", self.called("sudo"))

    def test_an_unprivileged_runner_is_told_so(self):
        done = self.run_script(CI_MERGE_REQUEST_DIFF_BASE_SHA=self.base, FAKE_UID="1000", FAKE_SUDO="no")
        self.assertEqual(done.returncode, 3)
        self.assertIn("unprivileged runners cannot measure", done.stderr)
        self.assertEqual(self.called("pyebpf"), "")

    def test_gitlab_names_the_base(self):
        done = self.run_script(CI_MERGE_REQUEST_DIFF_BASE_SHA=self.base, FAKE_STATUS="1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertNotIn("::warning", done.stdout)
        for report in ("junit.xml", "metrics.txt", "code-quality.json"):
            self.assertTrue((self.checkout / "pyebpf-reports" / report).exists(), report)

    def test_refuses_without_a_base(self):
        done = self.run_script()
        self.assertEqual(done.returncode, 2)
        self.assertIn("PYEBPF_BASE_REF", done.stderr)
        done = self.run_script(PYEBPF_BASE_REF="no-such-commit")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no-such-commit is no commit", done.stderr)

    def test_refuses_without_a_command(self):
        done = self.run_script(PYEBPF_COMMAND="")
        self.assertEqual(done.returncode, 2)
        self.assertIn("PYEBPF_COMMAND", done.stderr)

    def test_the_template_and_the_action_use_what_the_script_reads(self):
        script = SCRIPT.read_text()
        for file in ("action.yml", "gitlab.yml"):
            text = (SCRIPT.parent / file).read_text()
            for line in text.splitlines():
                name = line.strip().partition(":")[0]
                if name.startswith("PYEBPF") and name != "PYEBPF_HOME":
                    self.assertIn(name, script, file)


if __name__ == "__main__":
    unittest.main()
