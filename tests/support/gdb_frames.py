# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb: prints the frames of the selected thread as JSON, leaf first: [name or null, module or null] each.

gdb -batch -p PID -x gdb_frames.py
"""
import json
import os

import gdb

found = []
frame = gdb.newest_frame()
while frame is not None:
    if frame.type() == gdb.SIGTRAMP_FRAME:
        found.append(["<signal>", None])
    elif frame.type() != gdb.TAILCALL_FRAME:  # gdb's guess at a function that jumped on and left no frame
        # What is inlined has the pc of the function that it is in.
        module = gdb.solib_name(frame.pc()) or gdb.current_progspace().filename
        found.append([frame.name(), os.path.basename(os.path.realpath(module))])
    frame = frame.older()
print("frames: " + json.dumps(found))
