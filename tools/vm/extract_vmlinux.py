#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the uncompressed kernel out of an x86 kernel image (vmlinuz).

usage: tools/vm/extract_vmlinux.py VMLINUZ OUTPUT

The layout is that of Documentation/arch/x86/boot.rst (boot protocol 2.08 and later): a real-mode part of `setup_sects` sectors,
then the protected-mode part, in which `payload_offset` and `payload_length` give the compressed ELF file.
"""

import lzma
import struct
import subprocess
import sys
import zlib

SECTOR_BYTES = 512
SETUP_SECTS_AT = 0x1F1
MAGIC_AT = 0x202
MAGIC = b"HdrS"
PROTOCOL_AT = 0x206
PAYLOAD_AT = 0x248
# The build appends the payload's uncompressed size to it (scripts/Makefile.lib, size_append).
SIZE_TRAILER_BYTES = 4


def pipe_through(*command):
    def unpack(data):
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        # lz4 and zstd may object to what follows the stream but have written all of it by then.
        return done.stdout
    return unpack


UNPACKERS = {
    b"\xfd7zXZ": lzma.decompress,
    b"\x28\xb5\x2f\xfd": pipe_through("zstd", "-dc"),
    b"\x02\x21\x4c\x18": pipe_through("lz4", "-dc"),
    b"\x1f\x8b": lambda data: zlib.decompressobj(wbits=31).decompress(data),
}


def payload_of(image):
    """The compressed kernel inside of a vmlinuz, without the size that follows it."""
    if image[MAGIC_AT:MAGIC_AT + 4] != MAGIC or struct.unpack_from("<H", image, PROTOCOL_AT)[0] < 0x208:
        raise ValueError("not an x86 kernel image with a payload")
    sectors = (image[SETUP_SECTS_AT] or 4) + 1
    offset, length = struct.unpack_from("<II", image, PAYLOAD_AT)
    begin = sectors * SECTOR_BYTES + offset
    if begin + length > len(image) or length <= SIZE_TRAILER_BYTES:
        raise ValueError("the payload lies outside of the image")
    return image[begin:begin + length - SIZE_TRAILER_BYTES]


def unpack(payload):
    for magic, unpacker in UNPACKERS.items():
        if payload.startswith(magic):
            kernel = unpacker(payload)
            if not kernel.startswith(b"\x7fELF"):
                raise ValueError("the payload does not unpack to an ELF file")
            return kernel
    raise ValueError(f"unknown compression, the payload begins with {payload[:6].hex()}")


def main(arguments):
    if len(arguments) != 2 or arguments[0] in ("--help", "-h"):
        print(__doc__.strip())
        return 0 if arguments and arguments[0] in ("--help", "-h") else 2
    try:
        with open(arguments[0], "rb") as image:
            kernel = unpack(payload_of(image.read()))
        with open(arguments[1], "wb") as output:
            output.write(kernel)
    except (OSError, ValueError, lzma.LZMAError, zlib.error) as error:
        print(f"extract_vmlinux: {arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
