#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed corpus of every fuzz target: small sound inputs, each in OUTPUT/TARGET/.

  make_seeds.py --compiler cc --objcopy objcopy --source CHECKOUT OUTPUT

ELF files are compiled from tests/data and the tests' fixtures, tables of CPython are those of tests/data/python; records and text
files are written here as their formats have them.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import tempfile

U8, U32, U64 = (struct.Struct(f"<{kind}").pack for kind in "BIQ")


class Seeds:
    def __init__(self, output):
        self.output = output

    def add(self, target, name, data):
        folder = self.output / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def elf_seeds(seeds, arguments, scratch):
    data = arguments.source / "tests/data/elf"
    fixture = arguments.source / "tests/unit/symbolize"

    def compile_to(name, *words):
        subprocess.run([arguments.compiler, "-shared", "-fPIC", "-o", scratch / name, *words], check=True)
        return scratch / name

    def objcopy(*words):
        subprocess.run([arguments.objcopy, *words], check=True)

    libraries = [
        compile_to("tiny.so", "-O1", data / "tiny.c", "-Wl,--hash-style=gnu,--build-id=0x0011223344556677,-soname,libtiny.so.1"),
        compile_to("tiny_sysv.so", "-O1", data / "tiny.c", "-Wl,--hash-style=sysv,--build-id=none"),
        compile_to("frames.so", data / "frames.S", "-nostdlib"),
        compile_to("frames_debug.so", data / "frames.S", "-nostdlib", "-DONLY_DEBUG_FRAME"),
    ]
    # With mini debug info and a debug link, as Fedora ships them.
    objcopy("--only-keep-debug", libraries[0], scratch / "tiny.debug")
    subprocess.run(["xz", "--keep", "--force", scratch / "tiny.debug"], check=True)
    objcopy("--strip-all", "--add-section", f".gnu_debugdata={scratch}/tiny.debug.xz", f"--add-gnu-debuglink={scratch}/tiny.debug",
            libraries[0], scratch / "tiny_stripped.so")
    libraries.append(scratch / "tiny_stripped.so")
    for library in libraries:
        seeds.add("elf_file", library.name, library.read_bytes())
    for library, section, is_debug_frame in (
        (libraries[0], ".eh_frame", 0), (libraries[2], ".eh_frame", 0), (libraries[3], ".debug_frame", 1),
    ):
        objcopy("-O", "binary", f"--only-section={section}", "--set-section-flags", f"{section}=alloc", library, scratch / "section")
        seeds.add("call_frames", library.name, U8(is_debug_frame) + (scratch / "section").read_bytes())
    for version in ("4", "5"):
        for compressed in ("none", "zlib"):
            library = compile_to(f"inline_{version}_{compressed}.so", "-O1", "-g", f"-gdwarf-{version}", f"-gz={compressed}",
                                 "-nostdlib", "-x", "c++", fixture / "inline_fixture.cpp", fixture / "inline_fixture_other.cpp")
            seeds.add("debug_lines", library.name, library.read_bytes())
    objcopy("-O", "binary", "--only-section=.text", libraries[0], scratch / "text")
    seeds.add("machine_code", "tiny", (scratch / "text").read_bytes())
    seeds.add("machine_code", "vector", bytes.fromhex("c5f877 62f17c48100f e80000000048 ff542408 66900f1f440000"))


def python_seeds(seeds, source):
    formats = {"2.7": 0, "3.6": 1, "3.9": 2, "3.10": 3, "3.11": 4, "3.15": 5}  # as line_tables.cpp numbers them
    vectors = json.loads((source / "tests/data/python/line_table_vectors.json").read_text())
    for version, functions in vectors["versions"].items():
        number = formats.get(version.rpartition(".")[0])
        if number is None:
            continue
        for index, (_name, first_line, table, *_rest) in enumerate(functions[:6]):
            seeds.add("line_tables", f"{version}_{index}", U8(number) + struct.pack("<ii", first_line, 8) + bytes.fromhex(table))
    # mov %fs:-16,%rax; ret - then a call of __tls_get_addr, and a rip-relative load
    code = bytes.fromhex("64488b0425f0ffffffc3 488d3d00100000e80000000048 8b4008c3 488b0500200000c3")
    offsets = json.loads((source / "tests/data/python/cpython_offsets.json").read_text())["x86_64"]
    for version, numbers in offsets.items():
        positions = numbers.get("_Py_DebugOffsets_field_positions")
        if positions is None:
            continue
        table = bytearray(positions["sizeof"])
        for index, (field, position) in enumerate(positions.items()):
            if field != "sizeof":
                struct.pack_into("<Q", table, position, 120 if field.endswith(".size") else index % 14 * 8)
        minor = int(version.rstrip("t").partition(".")[2])
        struct.pack_into("<8sQQ", table, 0, b"xdebugpy", 0x030002F0 | minor << 16, int(version.endswith("t")))
        seeds.add("python_runtime", version, struct.pack("<H", len(table)) + bytes(table) + code)
    for version in range(6):
        memory = bytearray(1024)
        for at in range(0, len(memory), 8):  # pointers into the memory itself, small numbers between them
            struct.pack_into("<Q", memory, at, 0x10000 + at * 5 % 960 // 8 * 8 if at % 24 else at // 8)
        seeds.add("python_objects", str(version), U8(version) + bytes(memory))


def text_seeds(seeds, source):
    seeds.add("perf_map", "two", U64(0x7F0000001010) + b"7f0000001000 40 py::f:/srv/a.py\n7f0000001000 20 py::g\nnone\n")
    seeds.add("kernel_symbols", "few", U64(0xFFFFFFFF81000123) +
              b"ffffffff81000000 T _stext\nffffffff81000100 t do_idle\nffffffffc0000000 t ext4_read\t[ext4]\n"
              b"ffffffffc0100000 t bpf_prog_6deef7357e7b4530_sample\t[bpf]\nffffffff82000000 D data\n")
    seeds.add("kernel_symbols", "hidden", U64(0) + b"0000000000000000 T _stext\n0000000000000000 t do_idle\n")
    for name, text in {
        "maps": "55d0c0000000-55d0c0001000 r-xp 00002000 fe:01 1234                       /usr/bin/python3.11\n"
                "7ffd0000-7ffd1000 rw-p 00000000 00:00 0 [stack]\n7f0000000000-7f0000001000 ---p 0 0:0 0 /x y (deleted)\n",
        "stat": "4242 (a) (b) S 1 4242 4242 0 -1 4194560 10 0 0 0 5 6 0 0 20 0 1 0 123456 1000 10 18446744073709551615 1 1\n",
        "status": "Name:\tpython3\nNSpid:\t4242\t17\t1\nNStgid:\t4242\t17\t1\n",
        "busy": "cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n",
        "version": "Ubuntu 6.1.0-50.51~22.04-generic 6.1.30\nCONFIG_HARDENED_USERCOPY=y\n#1 SMP Debian 6.1.170-1\n",
    }.items():
        seeds.add("proc_texts", name, text.encode())
    rust = [line.split("\t")[0] for line in (source / "tests/data/symbolize/rust_names.tsv").read_text().splitlines()[1:]]
    cpp = ["_ZN3foo3barEv.part.0.cold", "_ZNSt6vectorIiSaIiEE9push_backERKi", "_Z1f1PIiiES_IS0_S0_ES_IS1_S1_E", "_ZZ4mainENKUlvE_clEv",
           "compress.constprop.0", "名前.関数\x1b[0m"]
    for index, name in enumerate(rust[::7] + cpp):
        seeds.add("names", str(index), name.encode())


def record_seeds(seeds):
    header, load, move = b"DTiJ" + U32(1) + U32(40) + U32(62) + U32(0) + U32(1) + U64(1) + U64(0), 0, 1
    name = b"py::f\0" + b"\xc3" * 16
    dump = header + struct.pack("<IIQIIQQQQ", load, 16 + 40 + len(name), 2, 1, 1, 0x1000, 0x1000, 16, 1) + name
    dump += struct.pack("<IIQIIQQQQQ", move, 16 + 48, 3, 1, 1, 0x3000, 0x1000, 0x3000, 16, 1)
    seeds.add("jit_dump", "load_move", U64(0x3008) + dump)

    space = U64(99) + U32(4242) + U32(0)  # bpf/abi/record.h
    stacks = b""
    for part, frame in ((1, U64(0xFFFFFFFF81000000)), (2, U64(0x1000) + U64(0x2000)), (3, U64(0x5000) + U64(1 | 8 << 8))):
        stacks += U32(2) + U32(40 + 2 * len(frame)) + space + U64(part) + U32(part) + U32(2) + frame * 2
    seeds.add("ring_records", "stacks", stacks)
    name, file, table = "f.<locals>.名".encode("utf-16-le"), b"/srv/a.py", bytes.fromhex("800006")
    texts = b"".join(struct.pack("<IHH", count, len(data), encoding)
                     for count, data, encoding in ((len(name) // 2, name, 3), (20, file, 2), (len(table), table, 1), (0, b"", 0)))
    body = space + U64(5) + U64(0x5000) + U64(1) + U64(2) * 3 + struct.pack("<iIII", 7, 3, 0, 0) + texts + name + file + table
    seeds.add("ring_records", "definition", U32(3) + U32(8 + len(body)) + body)

    # One table (userspace/native/table_cache.cpp): a page of one rule, a page of two narrow rows, a page of two wide ones; one span of analyzed code.
    index = U32(0x80000001) + U32(0x00000000 | 2 << 24) + U32(0x40000002 | 2 << 24)
    rows = struct.pack("<HHHHHH", 0x0001, 0x1002, 0x0000, 1, 0x0080, 2)
    rules = b"".join(struct.pack("<Q", number * 0x10203) for number in range(3))
    seeds.add("table_cache", "one", U8(1) + U32(4) + U32(3) + U32(6) + U32(3) + U64(1) + U64(1) * 6 + index + rows + rules + U64(0) + U64(512))
    seeds.add("table_cache", "none", U8(0))


def varint(number):
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(data) + U8(number)


def message(**fields):
    """A protobuf message: fN=number, text or list of packed numbers."""
    data = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, int):
            data += varint(number << 3) + varint(value)
        else:
            text = b"".join(map(varint, value)) if isinstance(value, list) else value
            data += varint(number << 3 | 2) + varint(len(text)) + text
    return data


def recording_seeds(seeds):
    # docs/formats/recording.md
    tables = message(f1=1) + b"".join(message(f2=text) for text in (b"main", b"/srv/a.py", b"memcpy", b"libc.so.6", b"web"))
    tables += message(f3=message(f1=[1, 2], f3=[7, 0], f4=[3, 0], f5=[1, 3], f6=[2, 0], f7=[0, 4]))
    tables += message(f4=message(f1=[0, 1], f2=[0, 1]))
    tables += message(f5=message(f1=5, f2=5)) + message(f6=message(f1=0, f2=42, f3=1, f4=42, f7=1, f11=1))
    tables += message(f7=message(f1=0, f2=0, f3=42, f4=1)) + message(f9=message(f1=b"cpu-clock", f2=b"nanoseconds", f3=10101010, f4=99))
    samples = message(f10=message(f1=[2000, 20], f3=[2, 1], f4=[0, 0], f5=[1, 0], f9=10101010, f10=2))
    end = message(f11=message(f1=b"ring_lost", f2=b"lost", f3=1, f4=1)) + message(f12=message(f1=b"kernel", f2=b"6.12"))
    end += message(f13=message(f1=900, f2=3000, f3=2000)) + message(f14=message(f1=2, f2=b"def main():\n    pass\n"))
    contents = b"".join(struct.pack("<H", len(part)) + part for part in (tables, samples, end))
    seeds.add("recording", "contents", U8(0) + contents)
    seeds.add("recording", "file", U8(1) + b"\x89PYEBPF\n" + U32(1) + U32(0) + b"PBLK" + U32(1) + U32(9) + U32(0) + U64(0))


def container_seeds(seeds):
    # k8s.io/cri-api pkg/apis/runtime/v1/api.proto, alone and as a server sends it: frames of HTTP/2, the data with gRPC's prefix.
    label = message(f1=b"io.kubernetes.pod.name", f2=b"shop-1")
    listed = message(f1=message(f1=b"abc", f3=message(f1=b"app"), f4=message(f1=b"shop:7"), f8=label))
    prefixed = U8(0) + struct.pack(">I", len(listed)) + listed

    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + U8(kind) + U8(flags) + struct.pack(">I", stream) + payload

    frames = frame(4, 0, 0, b"") + frame(1, 4, 1, b"\x88") + frame(0, 1, 1, prefixed)  # SETTINGS; HEADERS: ":status 200"; DATA
    for name, data in {
        "message": listed,
        "frames": frames,
        "docker": b'{"Name":"/web","Config":{"Image":"nginx","Labels":{"io.kubernetes.pod.name":"shop-1"}}}',
        "annotations": b'{"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"shop-1"}}',
        "storage": b'[{"id":"abc","names":["web"],"metadata":"{\\"image-name\\":\\"x:1\\"}"}]',
        "link": b"shop-1_prod_app-abc.log",
        "conmon": b"/usr/bin/conmon\0-c\0abc\0-b\0/store/userdata\0-n\0web\0",
        "nspawn": b"systemd-nspawn\0--machine=web\0-D\0/y\0",
        "cgroups": b"12:cpu:/docker/" + b"a" * 64 + b"\n0::/kubepods.slice/kubepods-pod9a2f.slice/cri-containerd-" + b"b" * 64 + b".scope\n",
        "nested": b"/machine.slice/libpod-" + b"c" * 64 + b".scope/container/lxc.payload.web/system.slice/ssh.service",
    }.items():
        seeds.add("containers", name, U8(30) + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--objcopy", required=True)
    parser.add_argument("--source", required=True, type=pathlib.Path, help="the checkout")
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    seeds = Seeds(arguments.output)
    with tempfile.TemporaryDirectory() as scratch:
        elf_seeds(seeds, arguments, pathlib.Path(scratch))
    python_seeds(seeds, arguments.source)
    text_seeds(seeds, arguments.source)
    record_seeds(seeds)
    recording_seeds(seeds)
    container_seeds(seeds)
    (arguments.output / "made").touch()


if __name__ == "__main__":
    main()
