# SPDX-License-Identifier: Apache-2.0
"""tools/vm/extract_vmlinux.py and tools/lib/extract_btf.py on made-up kernel images."""

import lzma
import struct
import sys
import unittest
import zlib
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"
sys.path[:0] = [str(TOOLS / "vm"), str(TOOLS / "lib")]
import extract_btf  # noqa: E402
import extract_vmlinux  # noqa: E402

KERNEL = b"\x7fELF" + bytes(1000)


def x86_image(payload, protocol=0x20F, length=None):
    """A vmlinuz: one real-mode sector besides the boot sector, 16 bytes of decompressor, the payload and its size."""
    image = bytearray(1024 + 16)
    image[0x1F1] = 1
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, protocol)
    struct.pack_into("<II", image, 0x248, 16, len(payload) + 4 if length is None else length)
    return bytes(image) + payload + struct.pack("<I", len(KERNEL))


def btf(type_bytes):
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, type_bytes, type_bytes, 8) + bytes(type_bytes + 8)


class ExtractVmlinux(unittest.TestCase):
    def test_unpacks_xz(self):
        self.assertEqual(extract_vmlinux.unpack(extract_vmlinux.payload_of(x86_image(lzma.compress(KERNEL)))), KERNEL)

    def test_refuses_another_file(self):
        with self.assertRaises(ValueError):
            extract_vmlinux.payload_of(bytes(4096))

    def test_refuses_an_old_boot_protocol(self):
        with self.assertRaises(ValueError):
            extract_vmlinux.payload_of(x86_image(lzma.compress(KERNEL), protocol=0x207))

    def test_refuses_a_payload_outside_of_the_image(self):
        with self.assertRaises(ValueError):
            extract_vmlinux.payload_of(x86_image(lzma.compress(KERNEL), length=1 << 30))

    def test_refuses_a_payload_that_is_no_kernel(self):
        with self.assertRaises(ValueError):
            extract_vmlinux.unpack(lzma.compress(b"something else"))

    def test_refuses_unknown_compression(self):
        with self.assertRaises(ValueError):
            extract_vmlinux.unpack(b"????????")


class ExtractBtf(unittest.TestCase):
    def test_finds_the_large_one(self):
        wanted = btf(200_000)
        self.assertEqual(extract_btf.find_btf(b"\0" * 100 + btf(16) + b"\0" * 100 + wanted + b"\0" * 100), wanted)

    def test_refuses_one_that_is_cut(self):
        with self.assertRaises(ValueError):
            extract_btf.find_btf(btf(200_000)[:-1])

    def test_opens_zboot_images(self):
        kernel = btf(200_000)
        packed = zlib.compressobj(wbits=31)
        payload = packed.compress(kernel) + packed.flush()
        image = struct.pack("<4s4sII", b"MZ\0\0", b"zimg", 64, len(payload)).ljust(64, b"\0") + payload
        self.assertEqual(extract_btf.plain_kernel(image), kernel)


if __name__ == "__main__":
    unittest.main()
