"""Readers for the two archive formats that hold photographs inside Debian packages.

Both return the bytes of one entry, which is itself a whole JPEG or WebP file.
"""

import struct
import zlib


def read_qt_resource(blob: bytes, wanted: str) -> bytes:
    """Returns the entry `wanted` ("/dir/name.webp") of a Qt resource file (.rcc).

    Header: "qres", then version, tree, data and name offsets. A tree node is 14 bytes (22 from version 2 on):
    name offset, flags, and either (child count, first child) for a folder or (locale, data offset) for a file.
    All integers are big-endian.
    """
    magic, version, tree, data, names = struct.unpack_from(">4s4I", blob)
    if magic != b"qres":
        raise ValueError("not a Qt resource file")
    node_size = 14 if version < 2 else 22

    def name_of(node: int) -> str:
        at = names + struct.unpack_from(">I", blob, tree + node * node_size)[0]
        length = struct.unpack_from(">H", blob, at)[0]
        return blob[at + 6 : at + 6 + 2 * length].decode("utf-16-be")

    node = 0  # the root folder
    for part in wanted.strip("/").split("/"):
        count, first = struct.unpack_from(">2I", blob, tree + node * node_size + 6)
        node = next((n for n in range(first, first + count) if name_of(n) == part), -1)
        if node < 0:
            raise KeyError(f"no entry {wanted}")

    flags, _locale, offset = struct.unpack_from(">HII", blob, tree + node * node_size + 4)
    size = struct.unpack_from(">I", blob, data + offset)[0]
    content = blob[data + offset + 4 : data + offset + 4 + size]
    if flags & 1:  # zlib, after four bytes of unpacked size
        return zlib.decompress(content[4:])
    return content


def read_enlightenment(blob: bytes, wanted: str) -> bytes:
    """Returns the entry `wanted` ("edje/images/0") of an Enlightenment theme (.edj).

    Header: magic 0x1ee70f42, entry count, dictionary count; then 24-byte entries
    (data offset, size, unpacked size, name offset, name size, flags). All integers are big-endian.
    An image entry holds a whole JPEG file, at times after a short header of its own.
    """
    magic, count, _dictionary = struct.unpack_from(">3I", blob)
    if magic != 0x1EE70F42:
        raise ValueError("not an Enlightenment file")
    for i in range(count):
        offset, size, _unpacked, name_at, name_size, _flags = struct.unpack_from(">6I", blob, 12 + 24 * i)
        if blob[name_at : name_at + name_size].rstrip(b"\0") == wanted.encode():
            content = blob[offset : offset + size]
            start = content.find(b"\xff\xd8\xff")
            if start < 0:
                raise ValueError(f"entry {wanted} is not a JPEG")
            return content[start:]
    raise KeyError(f"no entry {wanted}")
