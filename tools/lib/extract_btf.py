#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the type information (BTF) out of a kernel image.

usage: tools/lib/extract_btf.py IMAGE OUTPUT

IMAGE is an x86 vmlinuz, an arm64 Image (plain, gzip, or an EFI zboot image), or any file that holds the BTF as one piece. The BTF is
found by its header (Documentation/bpf/btf.rst): magic, version 1, and sections whose sizes make sense.
"""

import struct
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "vm"))
import extract_vmlinux  # noqa: E402  (found through the path above)

HEADER = struct.Struct("<HBBIIIII")
MAGIC = struct.pack("<HBB", 0xEB9F, 1, 0)
# The kernel's own BTF has megabytes of types; the few bytes of other matches are tables of the BPF loader.
LEAST_BYTES = 100_000
# EFI zboot (drivers/firmware/efi/libstub/zboot-header.S): "MZ", "zimg", offset and size of the payload.
ZBOOT = struct.Struct("<4s4sII")


def plain_kernel(image):
    if image.startswith(b"MZ") and image[4:8] == b"zimg":
        _, _, offset, length = ZBOOT.unpack_from(image)
        image = image[offset:offset + length]
    elif image[extract_vmlinux.MAGIC_AT:extract_vmlinux.MAGIC_AT + 4] == extract_vmlinux.MAGIC:
        return extract_vmlinux.unpack(extract_vmlinux.payload_of(image))
    for magic, unpacker in extract_vmlinux.UNPACKERS.items():
        if image.startswith(magic):
            return unpacker(image)
    return image


def find_btf(kernel):
    at = kernel.find(MAGIC)
    while at >= 0:
        if at + HEADER.size <= len(kernel):
            _, _, _, header_length, type_at, type_bytes, string_at, string_bytes = HEADER.unpack_from(kernel, at)
            end = at + header_length + string_at + string_bytes
            if header_length >= HEADER.size and type_at == 0 and string_at >= type_bytes >= LEAST_BYTES and end <= len(kernel):
                return kernel[at:end]
        at = kernel.find(MAGIC, at + 1)
    raise ValueError("no BTF in the kernel")


def main(arguments):
    if len(arguments) != 2 or arguments[0] in ("--help", "-h"):
        print(__doc__.strip())
        return 0 if arguments and arguments[0] in ("--help", "-h") else 2
    try:
        Path(arguments[1]).write_bytes(find_btf(plain_kernel(Path(arguments[0]).read_bytes())))
    except (OSError, ValueError, zlib.error) as error:
        print(f"extract_btf: {arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
