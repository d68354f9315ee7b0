#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report, convert, view and completion as a user runs them.

usage: commands_test.py PYEBPF WRITE_OUTPUT [unittest options]
"""
import http.client
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

PYEBPF = WRITE_OUTPUT = None
TIMEOUT = 120


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.recording = str(cls.folder / "small.pyebpf")
        subprocess.run([WRITE_OUTPUT, "recording", cls.recording], check=True)

    def run_command(self, *arguments, **environment):
        cleared = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "PAGER", "DISPLAY", "WAYLAND_DISPLAY")}
        return subprocess.run([PYEBPF, *arguments], cwd=self.folder, env={**cleared, **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)

    def report(self, *arguments, **environment):
        done = self.run_command("report", self.recording, *arguments, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def assert_refused(self, arguments, message, status=2):
        done = self.run_command(*arguments)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertIn(message, done.stderr)

    def golden(self, case):
        return subprocess.run([WRITE_OUTPUT, case], check=True, stdout=subprocess.PIPE, text=True).stdout

    def test_views_are_those_of_the_golden_files(self):
        for arguments, case in (
            ([], "report_tree"),
            (["--width", "50"], "report_tree_narrow"),
            (["--json"], "report_tree_json"),
            (["--callers", "dgemm_kernel_HASWELL"], "report_callers"),
            (["--callees", "Model.fit"], "report_callees"),
            (["--by", "function", "--top", "8"], "report_functions"),
            (["--by", "thread"], "report_threads"),
            (["--lines", "basket.py"], "report_lines_unknown"),
        ):
            with self.subTest(case=case):
                self.assertEqual(self.report(*arguments), self.golden(case))

    def test_the_width_of_the_terminal_is_used(self):
        self.assertEqual(self.report(COLUMNS="50"), self.golden("report_tree_narrow"))

    def on_terminal(self, **environment):
        reader, writer = pty.openpty()
        process = subprocess.Popen([PYEBPF, "report", self.recording], env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                   stdout=writer, stderr=subprocess.DEVNULL)
        os.close(writer)
        output = b""
        try:
            while chunk := os.read(reader, 4096):
                output += chunk
        except OSError:  # EIO: the other side is closed
            pass
        os.close(reader)
        self.assertEqual(process.wait(TIMEOUT), 0)
        return output

    def test_colors_on_a_terminal_only_and_not_against_the_users_will(self):
        self.assertIn(b"\x1b[33m", self.on_terminal())
        self.assertNotIn(b"\x1b", self.on_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b", self.report())

    def test_a_pager_only_when_asked(self):
        self.assertEqual(self.report(PAGER="false"), self.golden("report_tree"))
        self.assertEqual(self.report("--pager", PAGER="tr a-z A-Z"), self.golden("report_tree").translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")))
        done = self.run_command("report", self.recording, "--pager", PAGER="no-such-pager")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-pager", done.stderr)

    def test_filters(self):
        everything = json.loads(self.report("--json"))["total"]
        job = json.loads(self.report("--json", "--process", "train*"))["total"]
        rest = json.loads(self.report("--json", "--pid", "2301,990"))["total"]
        self.assertEqual(job + rest, everything)
        first = json.loads(self.report("--json", "--time", ",2"))["samples"]
        last = json.loads(self.report("--json", "--time", "2,"))["samples"]
        self.assertEqual(first + last, json.loads(self.report("--json"))["samples"])
        kernel = json.loads(self.report("--json", "--by", "function", "--only", "kernel"))["rows"]
        self.assertEqual({row["kind"] for row in kernel}, {"kernel"})
        done = self.run_command("report", self.recording, "--function", "nobody")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no sample passes the filters", done.stderr)

    def test_several_recordings_add_up(self):
        one = json.loads(self.report("--json", "--by", "process"))
        both = json.loads(self.run_command("report", self.recording, self.recording, "--json", "--by", "process").stdout)
        self.assertEqual(both["total"], 2 * one["total"])
        self.assertEqual([row["total"] for row in both["rows"]], [2 * row["total"] for row in one["rows"]])

    def test_default_file_and_stdin(self):
        shutil.copy(self.recording, self.folder / "profile.pyebpf")
        self.addCleanup((self.folder / "profile.pyebpf").unlink)
        self.assertEqual(self.run_command("report").stdout, self.golden("report_tree"))
        with open(self.recording, "rb") as file:
            done = subprocess.run([PYEBPF, "report", "-"], stdin=file, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
        self.assertEqual(done.stdout, self.golden("report_tree"))

    def test_convert_writes_what_record_would(self):
        for name, options in (("x.folded", []), ("x.txt", ["--per-process", "--per-thread"])):
            self.assertEqual(self.run_command("convert", self.recording, "-o", name, *options).returncode, 0)
        self.assertEqual((self.folder / "x.folded").read_text(), self.golden("collapsed"))
        self.assertEqual((self.folder / "x.txt").read_text(), self.golden("collapsed_threads"))
        done = self.run_command("convert", self.recording, "-o", "-", "--process", "bash")
        self.assertEqual({line.partition(";")[0] for line in done.stdout.splitlines()}, {"main (bash)", "[no stack] 1"})

    def test_a_part_as_a_recording(self):
        self.assertEqual(self.run_command("convert", self.recording, "-o", "part.pyebpf", "--pid", "4410").returncode, 0)
        part = self.run_command("report", "part.pyebpf", "--by", "process").stdout
        self.assertEqual(part, self.report("--by", "process", "--pid", "4410"))

    def test_bad_input_is_named(self):
        text = self.folder / "no-recording"
        text.write_text("hello\n")
        self.assert_refused(["report", "absent.pyebpf"], "absent.pyebpf", 1)
        self.assert_refused(["report", str(text)], "no-recording", 1)
        self.assert_refused(["convert", self.recording, "-o", "x.unknown"], "x.unknown")
        self.assertFalse((self.folder / "x.unknown").exists())
        for arguments, message in (
            (["--by", "color"], "--by color"),
            (["--by", "line", "--callers", "main"], "more than one view"),
            (["--only", "java"], "--only java"),
            (["--sort", "name"], "--sort name"),
            (["--min-share", "101"], "--min-share 101"),
            *((["--time", text], f"--time {text}") for text in ("5", "2,1", "a,b", "-1,2", "1,2,3", "nan,2")),
        ):
            with self.subTest(arguments=arguments):
                self.assert_refused(["report", self.recording, *arguments], message)
        self.assert_refused(["report", self.recording, "--callers", "nobody"], "no sample has a function 'nobody'", 1)

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PYEBPF, "report", self.recording], stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("stdout", done.stderr)

    def test_view_serves_one_page_to_who_knows_the_address(self):
        environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        process = subprocess.Popen([PYEBPF, "view", self.recording], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.wait, TIMEOUT)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        url = urllib.parse.urlsplit(process.stdout.readline().strip())
        self.assertEqual(url.hostname, "127.0.0.1")
        self.assertEqual(len(url.path), 34)

        def get(path, method="GET"):
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT)
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, body

        page = subprocess.run([PYEBPF, "convert", self.recording, "-o", "-", "--format", "html"], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(get(url.path), (200, page))
        self.assertEqual(get(url.path, "HEAD"), (200, b""))
        for path in ("/", "/favicon.ico", url.path[:-2] + "/", url.path + "../", url.path + "x"):
            self.assertEqual(get(path)[0], 404, path)
        self.assertEqual(get(url.path, "POST")[0], 404)
        with open("/proc/net/tcp", encoding="ascii") as sockets:
            listening = {line.split()[1] for line in sockets if line.split()[3] == "0A"}
        self.assertIn(f"0100007F:{url.port:04X}", listening)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(TIMEOUT), 0)

    def complete(self, *words):
        script = self.run_command("completion", "bash").stdout
        (self.folder / "completion.bash").write_text(script)
        words = ["pyebpf", *words]
        quoted = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(["bash", "--norc", "-c", f"source completion.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
                               "_pyebpf; printf '%s\\n' \"${COMPREPLY[@]}\""],
                              cwd=self.folder, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
        return done.stdout.split()

    def test_bash_completes_commands_options_values_and_files(self):
        self.assertEqual(self.complete("rep"), ["report"])
        self.assertEqual(self.complete("convert", "--form"), ["--format"])
        self.assertEqual(self.complete("convert", "--format", "coll"), ["collapsed"])
        self.assertEqual(self.complete("report", "--only", "")[:3], ["python", "native", "kernel"])
        self.assertEqual(self.complete("report", "smal"), ["small.pyebpf"])

    def test_other_shells_accept_their_scripts(self):
        for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
            script = self.run_command("completion", shell)
            self.assertEqual((script.returncode, script.stderr), (0, ""))
            for word in ("report", "--only", "python native kernel") if shell == "zsh" else ("report", "-l only", "python native kernel"):
                self.assertIn(word, script.stdout)
            if shutil.which(check[0]):  # neither is part of what the project needs
                file = self.folder / f"completion.{shell}"
                file.write_text(script.stdout)
                subprocess.run([*check, file], check=True)
        self.assert_refused(["completion", "tcsh"], "no completion for 'tcsh'")


if __name__ == "__main__":
    PYEBPF, WRITE_OUTPUT = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
