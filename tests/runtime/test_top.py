# SPDX-License-Identifier: Apache-2.0
"""pyebpf top: what it prints in batches, and what it does with keys, in a terminal that tmux makes."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from harness import IN_CI, RootTestCase, interpreters, one_interpreter, pyebpf_path, run_pyebpf, start

HANG_SECONDS = 60
ROW = re.compile(r"^ *(\d+\.\d) % +(\d+\.\d) %  (\S+) *(.*?) *$")


def rows(text):
    """Name to (self, total), percent."""
    found = {}
    for line in text.splitlines():
        match = ROW.match(line)
        if match:
            found.setdefault(match[3], (float(match[1]), float(match[2])))
    return found


class Batch(RootTestCase):
    def test_functions_of_every_interpreter(self):
        for interpreter in interpreters():
            with self.subTest(python=interpreter.name), start(interpreter, "one_hot_line.py", 3600) as target:
                shown = run_pyebpf("top", "-p", target.pid, "-F", 997, "--batch", 2, "-i", 1)
                self.assertEqual(shown.returncode, 0, shown.stderr)
                self.assertEqual(shown.stdout.count("pyebpf top  process %d" % target.pid), 2)
                found = rows(shown.stdout)
                self.assertIn("hot", found, shown.stdout)
                self.assertGreater(found["hot"][1], 90, shown.stdout)
                self.assertRegex(shown.stdout, r"hot +\S*one_hot_line\.py")

    def test_bad_input(self):
        for arguments, words in (
            (["--batch", "1", "-F", "0"], "frequency of 0"),
            (["--batch", "1", "-i", "0"], "interval of 0"),
            (["--batch", "1", "--native=some"], "--native=some"),
            (["--batch", "1", "-p", "1", "-a"], "more than one kind"),
            ([], "--batch"),  # stdin and stdout are no terminals here
        ):
            with self.subTest(arguments=arguments):
                shown = run_pyebpf("top", *arguments)
                self.assertEqual(shown.returncode, 2, shown.stderr)
                self.assertIn(words, shown.stderr)


class Terminal:
    """A command in a terminal of 100 columns."""

    def __init__(self, command):
        if not shutil.which("tmux"):
            if IN_CI:
                raise AssertionError("missing: tmux")
            raise unittest.SkipTest("no tmux")
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.tmux = ["tmux", "-S", os.path.join(self.folder, "socket"), "-f", "/dev/null"]
        # The shell stays when the command ends, so that what it left on the screen can be seen.
        text = "trap : INT; " + " ".join(shlex.quote(str(word)) for word in command) + "; echo status=$?; exec cat"
        self.run("new-session", "-d", "-x", "100", "-y", "30", "sh", "-c", text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("kill-server")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments):
        environment = dict(os.environ, LC_ALL="C.UTF-8")
        environment.pop("TMUX", None)
        done = subprocess.run(self.tmux + list(arguments), stdout=subprocess.PIPE, text=True, check=True, env=environment)
        return done.stdout

    def press(self, *keys):
        self.run("send-keys", *keys)

    def screen(self):
        return self.run("capture-pane", "-p")

    def wait_for(self, *patterns, without=()):
        """The screen as soon as it shows all that is wanted and nothing that is not: tmux also shows it half drawn."""
        end = os.times().elapsed + HANG_SECONDS
        while True:
            screen = self.screen()
            missing = [pattern for pattern in patterns if not re.search(pattern, screen, re.MULTILINE)]
            left = [pattern for pattern in without if re.search(pattern, screen, re.MULTILINE)]
            if not missing and not left:
                return screen
            if os.times().elapsed > end:
                raise AssertionError("%s do not come, %s do not go:\n%s" % (missing, left, screen))


class Live(RootTestCase):
    def test_keys(self):
        interpreter = one_interpreter()
        with start(interpreter, "recursion.py", 3600) as target:
            command = [pyebpf_path(), "top", "-p", target.pid, "-F", 499, "-i", "0.5"]
            with Terminal(command) as terminal:
                terminal.wait_for(r"% +leaf ", r"functions by self", r"q quit")
                terminal.press("2")
                terminal.wait_for(r"functions by total")
                terminal.press("h")
                terminal.wait_for(r"forget what was counted")
                terminal.press("x")
                terminal.press("L")
                terminal.wait_for(r"lines by total", r"recursion\.py:\d+")
                terminal.press("L")
                terminal.press("/")
                terminal.press("l", "e", "a", "f", "Enter")
                terminal.wait_for(r"filter: leaf$", r"% +leaf ", without=[r"<module>"])
                terminal.press("Enter")
                terminal.wait_for(r"callers of leaf", r"% +descend ")
                terminal.press("Escape")
                terminal.wait_for(r"functions by total")
                terminal.press("p")
                terminal.wait_for(r"FROZEN")
                terminal.press("q")
                terminal.wait_for(r"^status=0")

    def test_ctrl_c_gives_the_terminal_back(self):
        with Terminal([pyebpf_path(), "top", "-i", "0.5"]) as terminal:
            terminal.wait_for(r"the whole machine")
            terminal.press("C-c")
            terminal.wait_for(r"^status=0", without=[r"q quit"])

    def test_ends_with_its_targets(self):
        command = [pyebpf_path(), "top", "-i", "0.5", "--", "sleep", "1"]
        with Terminal(command) as terminal:
            terminal.wait_for(r"^status=0")

    def test_a_terminal_of_an_unknown_kind(self):
        with Terminal(["env", "TERM=nonsense", pyebpf_path(), "top"]) as terminal:
            terminal.wait_for(r"^status=1", r"nonsense")


if __name__ == "__main__":
    unittest.main()
