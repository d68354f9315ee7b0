# SPDX-License-Identifier: Apache-2.0
"""smoke_test.py BUILD: the benchmark runs once, quickly, and prints every table with a figure in every cell. No time is asserted."""
import pathlib
import re
import subprocess
import sys

OVERHEAD = pathlib.Path(__file__).resolve().parent / "overhead"
# Title of each table and its rows: 3 targets x 2 rates, 2 commands x 2 rates, 10 kinds of stacks, 2 commands cold and warm.
TABLES = {"Slowdown of the target": 6, "pyebpf itself": 4, "hot (1,000 Hz)": 10, "cold (99 Hz)": 10, "Start-up": 4}
# The difference of two CPU times can come out negative in so short a run.
NUMBER = re.compile(r"^-?[\d,]+(\.\d+)?( \(-?[\d,.]+--?[\d,.]+\))?$|^\d+ \+ \d+$")


def main(build):
    done = subprocess.run([sys.executable, "-B", str(OVERHEAD), "--build", build, "--rounds", "1", "--seconds", "0.2", "--rates", "99,1000"],
                          stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    sections = done.stdout.split("\n### ")[1:]
    assert len(sections) == len(TABLES), f"{len(sections)} tables"
    for section, (title, rows) in zip(sections, TABLES.items()):
        assert title in section.partition("\n")[0], f"{title} is not the title of: {section}"
        body = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
        assert len(body) == rows, f"{title}: {len(body)} rows"
        # The first columns name what was measured.
        named = 2 if title == "Start-up" else 1
        for row in body:
            for cell in row[named:]:
                assert NUMBER.match(cell), f"{title}: {cell!r} in {row}"
    complete = [row for row in sections[2].splitlines() if row.startswith("| Python, 220 |")]
    assert re.search(r"\| 220 \+ \d+ \|", complete[0]), f"the deep stack is not whole: {complete}"


main(sys.argv[1])
