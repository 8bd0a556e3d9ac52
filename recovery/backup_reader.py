#!/usr/bin/env python3
"""Restores a backup without the tool that made it.

Needs Python 3.10 or newer and, from Debian: python3-cryptography, python3-zstandard and python3-argon2 (the last only
for objects under Argon2id). Written from docs/format.md alone; the section numbers below are those of that page.

    backup_reader.py list    FOLDER            what a destination holds
    backup_reader.py restore FOLDER TARGET     all live files; --at-all also retired versions, --only PREFIX a part
    backup_reader.py decrypt FILE OUT          one stored object, wherever it lies (a classic one under its stored name)
    backup_reader.py vectors FILE...           test vectors: one line of JSON each

FOLDER is a local destination, or a bucket copied to a folder. The password is asked for, or read from the file given by
--password-file, or from the environment variable BACKUP_PASSWORD. Nothing is written that is not authenticated.
"""

import argparse
import base64
import calendar
import getpass
import hashlib
import hmac
import json
import lzma
import os
import re
import struct
import sys
import tempfile
import zlib

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.poly1305 import Poly1305

MAGIC = bytes.fromhex("8b626b7365670d0a")
END_MAGIC = bytes.fromhex("626b650a")
PIECE = 1 << 20


class Bad(Exception):
    """An object that must be refused; `layer` as in section 8."""

    def __init__(self, layer, message):
        super().__init__(f"{layer}: {message}")
        self.layer = layer


# ---- keys (sections 1, 5.1, 6) ----------------------------------------------------------------------------------


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def expand(key, *info):
    return mac(key, *info, b"\x01")


def label(name):
    return b"backup-seg1 " + name.encode("ascii") + b"\x00"


def argon2id(password, salt, passes, memory, lanes):
    try:
        from argon2.low_level import Type, hash_secret_raw
    except ImportError:
        sys.exit("this object needs Argon2id: install python3-argon2")
    return hash_secret_raw(password, salt, passes, memory, lanes, 32, Type.ID, 0x13)


class Keys:
    """Derived keys, kept: a derivation is slow on purpose."""

    def __init__(self, password):
        self.password = password
        self.known = {}
        self.destinations = {}

    def _once(self, name, derive):
        if name not in self.known:
            if self.password is None:
                raise Bad("header", "is encrypted, and there is no password")
            self.known[name] = derive()
        return self.known[name]

    def classic(self, kind, salt):
        def derive():
            if kind == "aes":
                return hashlib.pbkdf2_hmac("sha512", self.password.encode("latin-1"), salt, 100_000, 32)
            return argon2id(self.password.encode("utf-8"), salt, 3, 65536, 4)

        return self._once(("classic", kind, salt), derive)

    def destination(self, header):
        """K_dest of a header."""

        def derive():
            secret = self.password.encode("utf-8")
            if header.kdf == 1:
                return hashlib.pbkdf2_hmac("sha512", secret, header.salt, header.iterations, 32)
            return argon2id(secret, header.salt, header.iterations, header.memory, header.lanes)

        source = (header.kdf, header.iterations, header.memory, header.lanes, header.salt)
        password_key = bytes(32) if header.key_source == 0 else self._once(source, derive)
        key = expand(password_key, label("destination"), bytes([header.cipher]))
        if header.cipher in (1, 2):
            self.destinations[key] = header.cipher
        if header.key_source == 1 and header.cipher == 0:  # names may be encrypted all the same: section 10
            for cipher in (1, 2):
                self.destinations[expand(password_key, label("destination"), bytes([cipher]))] = cipher
        return key


# ---- names (sections 2, 4, 10) ----------------------------------------------------------------------------------


class Name:
    def __init__(self, path, mtime, size, md5, stamp):
        self.path, self.mtime, self.size, self.md5, self.stamp = path, mtime, size, md5, stamp

    def version(self):
        return (self.path, self.mtime, self.size, self.md5)


def parse_stamp(value):
    """Section 2.1: ("live",), ("date", n), ("stamp", B, C) or ("marker", B, C), P behind C of condemned ones; or None."""
    if value == 0:
        return ("live",)
    if value < 36**7:
        year, month, day = value // 10000, value // 100 % 100, value % 100
        return ("date", value) if 1000 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 31 else None
    form = "stamp"
    for mark in (36**21, 36**14):
        if mark <= value < 2 * mark and (mark == 36**21 or value < 36**15):
            form, value = "marker", value - mark
            condemned = value // 36**14 if mark == 36**21 else None
            break
    else:
        condemned = value // 36**14 if value >= 36**15 else None
        if 36**14 <= value < 36**15 or value >= 36**21:
            return None
    ceased, began = divmod(value % 36**14, 36**7)
    return period(form, began, ceased, condemned)


def period(form, began, ceased, condemned):
    if not 1 <= began <= ceased < 36**7:
        return None
    if condemned is None:
        return (form, began, ceased)
    return (form, began, ceased, condemned) if 36 <= condemned < 36**7 else None


def parse_plain_name(text):
    """A plain name without its suffix, as bytes."""
    fields = text.rsplit(b".", 4)
    if len(fields) != 5 or not fields[0] or not all(re.fullmatch(rb"[0-9a-zA-Z]+", field) for field in fields[1:]):
        return None
    mtime, size, md5, deleted = (int(field, 36) for field in fields[1:])
    stamp = parse_stamp(deleted)
    if stamp is None or max(mtime, size) > 2**53 - 1 or md5 >= 2**128:
        return None
    return Name(fields[0], mtime, size, md5.to_bytes(16, "big"), stamp)


def base36_bytes(text):
    zeros = len(text) - len(text.lstrip(b"0"))
    number = int(text, 36) if zeros < len(text) else 0
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def name_bytes(key):
    """The bytes of a key with the shape of a segmented encrypted name."""
    if not re.fullmatch(rb"_[0-9a-vA-V/]+\.enc", key):
        return None
    segments = key[1:-4].split(b"/")
    if any(len(segment) != 240 for segment in segments[:-1]) or not 1 <= len(segments[-1]) <= 240:
        return None
    text = b"".join(segments).upper()
    try:
        data = base64.b32hexdecode(text + b"=" * (-len(text) % 8))
    except ValueError:
        return None
    return data if len(data) > 20 and base64.b32hexencode(data).rstrip(b"=") == text else None


def open_segmented_name(key, keys):
    data = name_bytes(key)
    if data is None:
        return None
    tag, ident, sealed = data[:4], data[4:20], data[20:]
    for destination, cipher in keys.destinations.items():
        if mac(destination, label("name tag"))[:4] != tag:
            continue
        name_key = expand(destination, label("name key"))
        stream_key = expand(name_key, label("name stream"), ident)
        if cipher == 1:
            stream = Cipher(algorithms.AES(stream_key), modes.CTR(bytes(16)))
        else:
            stream = Cipher(algorithms.ChaCha20(stream_key, bytes(16)), None)
        plain = stream.decryptor().update(sealed)
        if hmac.compare_digest(mac(name_key, label("name id"), plain)[:16], ident):
            return parse_name_record(plain)
    return None


def parse_name_record(plain):
    form = plain[0]
    if form > 5:
        return None
    length = (0, 4, 12, 12, 18, 18)[form]
    fixed, path = plain[1 + length : 29 + length], plain[29 + length :]
    if not path:
        return None
    field = plain[1 : 1 + length]
    if form == 0:
        stamp = ("live",)
    elif form == 1:
        stamp = parse_stamp(int.from_bytes(field, "big"))
    else:
        ceased, began = int.from_bytes(field[-12:-6], "big"), int.from_bytes(field[-6:], "big")
        condemned = int.from_bytes(field[:6], "big") if form >= 4 else None
        stamp = period("marker" if form in (3, 5) else "stamp", began, ceased, condemned)
    if stamp is None:
        return None
    return Name(path, int.from_bytes(fixed[:6], "big"), int.from_bytes(fixed[6:12], "big"), fixed[12:], stamp)


def open_classic_name(key, keys):
    if not re.fullmatch(rb"[0-9a-zA-Z]{57,}\.enc", key):
        return None
    data = base36_bytes(key[:-4])
    for kind in ("aes", "cha"):
        try:
            plain = b"".join(classic_message(kind, Memory(data), keys))
        except (Bad, UnicodeEncodeError):
            continue
        return parse_plain_name(plain)
    return None


def parse_name(key, keys):
    """What a key says (section 11); None for keys that are not ours, or not of this password."""
    if not key.endswith(b".enc"):
        return None
    return open_segmented_name(key, keys) or open_classic_name(key, keys) or parse_plain_name(key[:-4])


# ---- objects as bytes ---------------------------------------------------------------------------------------------


class Memory:
    def __init__(self, data):
        self.data, self.length = data, len(data)

    def read(self, start, end):
        return self.data[start:end]


class File:
    def __init__(self, path):
        self.file = open(path, "rb")
        self.length = os.fstat(self.file.fileno()).st_size

    def read(self, start, end):
        self.file.seek(start)
        return self.file.read(end - start)


# ---- the classic container (section 3) ------------------------------------------------------------------------------


def rotate(value, bits):
    return (value << bits | value >> (32 - bits)) & 0xFFFFFFFF


def hchacha20(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            for bits, (x, y, z) in zip((16, 12, 8, 7), ((a, b, d), (c, d, b), (a, b, d), (c, d, b))):
                state[x] = (state[x] + state[y]) & 0xFFFFFFFF
                state[z] = rotate(state[z] ^ state[x], bits)
    return struct.pack("<8I", *state[:4], *state[12:])


def classic_message(kind, stored, keys):
    """The plaintext of a message in pieces. Not verified before its end."""
    n = 16 if kind == "aes" else 24
    if stored.length < 32 + n:
        raise Bad("header", "is cut off")
    head = stored.read(0, 32 + n)
    salt, nonce, tag = head[:16], head[16 : 16 + n], head[16 + n :]
    key = keys.classic(kind, salt)
    pieces = (stored.read(at, min(at + PIECE, stored.length)) for at in range(32 + n, stored.length, PIECE))
    if kind == "aes":
        opener = Cipher(algorithms.AES(key), modes.GCM(nonce, tag)).decryptor()
        for piece in pieces:
            yield opener.update(piece)
        try:
            yield opener.finalize()
        except InvalidTag:
            raise Bad("block", "does not authenticate") from None
        return
    subkey, short = hchacha20(key, nonce[:16]), bytes(4) + nonce[16:]
    one_time = Cipher(algorithms.ChaCha20(subkey, bytes(4) + short), None).encryptor().update(bytes(32))
    stream = Cipher(algorithms.ChaCha20(subkey, struct.pack("<I", 1) + short), None).decryptor()
    check, length = Poly1305(one_time), 0
    for piece in pieces:
        check.update(piece)
        length += len(piece)
        yield stream.update(piece)
    check.update(bytes(-length % 16) + struct.pack("<QQ", 0, length))
    try:
        check.verify(tag)
    except InvalidSignature:
        raise Bad("block", "does not authenticate") from None


def classic_decompressed(pieces):
    """gzip by its first bytes, else xz; several members or streams in a row are fine."""
    decoder, new, pending = None, None, b""
    for piece in pieces:
        pending += piece
        if new is None:
            if len(pending) < 2:
                continue
            gzip = pending[:2] == b"\x1f\x8b"
            new = (lambda: zlib.decompressobj(31)) if gzip else (lambda: lzma.LZMADecompressor(memlimit=80 << 20))
        while pending:
            if decoder is None:
                pending = pending.lstrip(b"\x00")
                if not pending:
                    break
                decoder = new()
            yield from bounded(decoder, pending)
            pending = decoder.unused_data if decoder.eof else b""
            if decoder.eof:
                decoder = None
    if decoder is not None or new is None:
        raise Bad("content", "its compressed data end early")


def bounded(decoder, data):
    """What a decoder makes of data, in pieces of bounded size."""
    if isinstance(decoder, lzma.LZMADecompressor):
        yield decoder.decompress(data, PIECE)
        while not decoder.eof and not decoder.needs_input:
            yield decoder.decompress(b"", PIECE)
        return
    yield decoder.decompress(data, PIECE)
    while decoder.unconsumed_tail and not decoder.eof:  # at the end it is that of the next member
        yield decoder.decompress(decoder.unconsumed_tail, PIECE)


def checked(pieces, name):
    """The pieces, if they are of the name's size and md5; raises at the latest at the end."""
    digest, size = hashlib.md5(), 0
    for piece in pieces:
        size += len(piece)
        if size > name.size:
            raise Bad("content", "is longer than its name says")
        digest.update(piece)
        yield piece
    if size != name.size or digest.digest() != name.md5:
        raise Bad("content", "its size or md5 is not that of its name")


def classic_ways(stored, keys):
    """Every way in which a classic object may be meant: (needs a password, pieces)."""
    plain = (stored.read(at, at + PIECE) for at in range(0, stored.length, PIECE))
    yield plain
    yield classic_decompressed(stored.read(at, at + PIECE) for at in range(0, stored.length, PIECE))
    if keys.password is None:
        return
    for kind in ("aes", "cha"):
        yield classic_decompressed(classic_message(kind, stored, keys))
        yield classic_message(kind, stored, keys)


def read_classic(stored, name, keys, write):
    """Tries all ways; `write` takes an iterator of pieces and undoes what it did when that raises."""
    worst = Bad("header", "opens in no way")
    for pieces in classic_ways(stored, keys):
        try:
            return write(checked(pieces, name))
        except Bad as bad:
            if bad.layer == "block" or worst.layer == "header":
                worst = bad
        except (zlib.error, lzma.LZMAError, UnicodeEncodeError):
            pass
    raise worst


# ---- the segmented container (sections 5 to 9) ------------------------------------------------------------------------


class Header:
    def __init__(self, stored):
        if stored.length < 63 + 53 + 24:
            raise Bad("header", "is too short")
        start = stored.read(0, min(stored.length, 63 + 4096))
        if start[:8] != MAGIC:
            raise Bad("header", "has no magic")
        version, self.cipher, family, self.block_log, self.key_source, s = struct.unpack_from(">BBBBBH", start, 8)
        if version != 1 or self.cipher > 2 or family != 1 or not 12 <= self.block_log <= 26:
            raise Bad("header", "is of an unknown version, cipher or codec family, or its block size is out of range")
        if self.key_source > 1 or s != (0, 25)[self.key_source]:
            raise Bad("header", "has an unknown key source")
        if self.key_source == 0 and self.cipher != 0:
            raise Bad("header", "is encrypted without a key")
        if len(start) < 63 + s:
            raise Bad("header", "is cut off")
        self.kdf = self.iterations = self.memory = self.lanes = self.salt = None
        if self.key_source == 1:
            self._parse_password(start[15 : 15 + s])
        self.bytes = start[: 63 + s]
        self.file_salt, self.check = start[15 + s : 31 + s], start[31 + s : 63 + s]

    def _parse_password(self, fields):
        self.kdf, self.iterations = struct.unpack_from(">BI", fields)
        self.memory, self.lanes, self.salt = int.from_bytes(fields[5:8], "big"), fields[8], fields[9:]
        if self.kdf == 1:
            fits = 1 <= self.iterations <= 10_000_000 and self.memory == 0 and self.lanes == 0
        else:
            fits = self.kdf == 2 and 1 <= self.iterations <= 16 and 1 <= self.lanes <= 16
            fits = fits and 8 * self.lanes <= self.memory <= 1_048_576
        if not fits:
            raise Bad("header", "has an unknown key derivation, or its costs are beyond the caps")

    def file_key(self, keys, allow_unencrypted):
        if self.key_source == 0 and keys.password is not None and not allow_unencrypted:
            raise Bad("header", "is not encrypted (--allow-unencrypted takes it)")
        destination = keys.destination(self)
        if not hmac.compare_digest(mac(destination, label("key check"), self.bytes[:-32]), self.check):
            raise Bad("key", "does not open: wrong password, or a damaged header")
        return expand(destination, label("file key"), self.file_salt)


def open_message(cipher, key, associated, sealed):
    """Section 7; None unless it authenticates."""
    if len(sealed) < 16:
        return None
    if cipher == 0:
        plain = sealed[:-16]
        tag = mac(key, struct.pack(">I", len(associated)), associated, plain)[:16]
        return plain if hmac.compare_digest(tag, sealed[-16:]) else None
    try:
        return (AESGCM if cipher == 1 else ChaCha20Poly1305)(key).decrypt(bytes(12), sealed, associated)
    except InvalidTag:
        return None


class Extent:
    def __init__(self, ident, offset, stored, plain, codec):
        self.id, self.offset, self.stored, self.plain, self.codec = ident, offset, stored, plain, codec

    def place(self):
        return (self.offset, self.stored, self.plain, self.codec, self.id)


class Segmented:
    """An object whose header, key check and trailer are right."""

    def __init__(self, stored, keys, name=None, allow_unencrypted=False):
        self.stored = stored
        self.header = Header(stored)
        self.file_key = self.header.file_key(keys, allow_unencrypted)
        locator = stored.read(stored.length - 24, stored.length)
        length, self.trailer_id = struct.unpack(">I16s", locator[:20])
        start = stored.length - 24 - length
        if locator[20:] != END_MAGIC or not 53 <= length <= 2**26 + 16 or start < 63:
            raise Bad("trailer", "has no locator, or one that points to nowhere")
        key = expand(self.file_key, label("trailer key"), self.trailer_id)
        associated = label("trailer") + self.trailer_id + self.header.bytes
        plain = open_message(self.header.cipher, key, associated, stored.read(start, stored.length - 24))
        if plain is None:
            raise Bad("trailer", "does not authenticate")
        try:
            self._parse(plain, start)
        except (struct.error, IndexError):
            raise Bad("trailer", "has lengths that do not fit") from None
        if name is not None:
            self._compare(name)

    def _parse(self, plain, start):
        self.type, form, p = struct.unpack_from(">BBH", plain)
        if start < len(self.header.bytes):
            raise Bad("trailer", "begins in the header")
        if self.type not in (1, 2, 3) or form > 1 or p < 1:
            raise Bad("trailer", "is of an unknown type or form, or has no path")
        self.mtime, self.size = int.from_bytes(plain[4:10], "big"), int.from_bytes(plain[10:16], "big")
        self.md5, self.path = plain[16:32], plain[32 : 32 + p]
        (count,) = struct.unpack_from(">I", plain, 32 + p)
        at, width = 36 + p, (25, 51)[form]
        if form == 1:
            if int.from_bytes(plain[at : at + 6], "big") != start:
                raise Bad("trailer", "has a body of another length")
            at += 6
        if at + count * width > len(plain):
            raise Bad("trailer", "has a table that does not fit")
        self.extents, offset = [], len(self.header.bytes)
        for _ in range(count):
            ident = plain[at : at + 16]
            if form == 1:
                offset = int.from_bytes(plain[at + 16 : at + 22], "big")
            stored, length, codec = struct.unpack_from(">IIB", plain, at + (22 if form == 1 else 16))
            self.extents.append(Extent(ident, offset, stored, length, codec))
            offset += stored
            at += width
        if form == 0 and offset != start:
            raise Bad("trailer", "has a body of another length")
        self._check_extents(start)
        self._parse_fields(plain[at:])
        if self.extents if self.type == 3 else sum(e.plain for e in self.extents) != self.size:
            raise Bad("trailer", "has blocks that do not make up its size")
        if self.type == 2 and not is_manifest(self.path):
            raise Bad("trailer", "is a manifest of another name")

    def _check_extents(self, body_end):
        block, codec = 1 << self.header.block_log, 0
        for index, extent in enumerate(self.extents):
            if extent.codec & 0x7F > 3 or not 1 <= extent.plain <= block or not 16 <= extent.stored <= block + 16:
                raise Bad("trailer", "has a block of an unknown codec or a strange length")
            if extent.codec == 0 and extent.stored != extent.plain + 16:
                raise Bad("trailer", "has a raw block of a strange length")
            if extent.codec & 0x80:
                if index == 0 or codec == 0 or extent.codec & 0x7F != codec:
                    raise Bad("trailer", "has a block that continues nothing")
            else:
                codec = extent.codec
            if extent.offset < len(self.header.bytes) or extent.offset + extent.stored > body_end:
                raise Bad("trailer", "has a block outside of its body")
        for run in self.runs():
            if len(run) > 1 and sum(extent.plain for extent in run) > 1 << 24:
                raise Bad("trailer", "has a run that is too long")
        before = None
        for extent in sorted(self.extents, key=lambda e: e.offset):
            if before and extent.offset < before.offset + before.stored and extent.place() != before.place():
                raise Bad("trailer", "has blocks that overlap")
            before = extent

    def _parse_fields(self, data):
        self.marks, last, at = None, -1, 0
        while at < len(data):
            kind, length = struct.unpack_from(">HI", data, at)
            value = data[at + 6 : at + 6 + length]
            if len(value) != length or kind <= last or (kind >= 0x8000 and kind != 0x8001):
                raise Bad("trailer", "has fields that do not fit, out of order, or unknown and required")
            if kind == 1 and not is_user_metadata(value):
                raise Bad("trailer", "has strange user metadata")
            if kind == 0x8001:
                began, ceased = int.from_bytes(value[:6], "big"), int.from_bytes(value[6:], "big")
                if length != 12 or not 1 <= began <= ceased < 36**7:
                    raise Bad("trailer", "has a strange mark")
                self.marks = (began, ceased)
            last, at = kind, at + 6 + length
        if (self.type == 3) != (self.marks is not None):
            raise Bad("trailer", "is a tombstone without its mark, or the reverse")

    def _compare(self, name):
        marks = name.stamp[1:3] if name.stamp[0] == "marker" else None
        if (self.path, self.mtime, self.size, self.md5) != name.version() or self.marks != marks:
            raise Bad("trailer", "is not what its name says")

    def runs(self):
        run = []
        for extent in self.extents:
            if run and not extent.codec & 0x80:
                yield run
                run = []
            run.append(extent)
        if run:
            yield run

    def content(self):
        """The content in pieces, each authenticated; raises at the end unless the md5 is right."""
        digest = hashlib.md5()
        for run in self.runs():
            data = b"".join(self._block(extent) for extent in run)
            plain = self._decompressed(run[0].codec, data, sum(extent.plain for extent in run))
            digest.update(plain)
            yield plain
        if self.type != 3 and digest.digest() != self.md5:
            raise Bad("content", "is not of its md5")

    def _block(self, extent):
        key = expand(self.file_key, label("block key"), extent.id)
        associated = label("block") + extent.id + struct.pack(">BI", extent.codec, extent.plain)
        sealed = self.stored.read(extent.offset, extent.offset + extent.stored)
        plain = open_message(self.header.cipher, key, associated, sealed)
        if plain is None:
            raise Bad("block", "does not authenticate")
        return plain

    def _decompressed(self, codec, data, length):
        if codec == 0:
            return data
        try:
            if codec == 1:
                decoder, plain = zstd_frame(data, length, max(1 << 24, 1 << self.header.block_log))
            elif codec == 2:
                decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=80 << 20)
                plain = decoder.decompress(data, length + 1)
                plain += b"" if decoder.eof else decoder.decompress(b"", 1)
            else:
                decoder = zlib.decompressobj(-15)
                plain = decoder.decompress(data, length + 1)
        except Exception as error:  # each library has its own
            raise Bad("block", f"does not decompress: {error}") from None
        if len(plain) != length or not decoder.eof or decoder.unused_data:
            raise Bad("block", "does not decompress to its length")
        return plain


def zstd_frame(data, length, window):
    """The decoder of one frame and what it gave; stops soon behind the length."""
    try:
        import zstandard
    except ImportError:
        sys.exit("this object needs zstd: install python3-zstandard")
    frame = zstandard.get_frame_parameters(data)
    if frame.window_size > window or frame.dict_id:
        raise ValueError("wants too much memory, or a dictionary")
    decoder = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
    pieces, at = [], 0
    while at < len(data) and not decoder.eof and sum(map(len, pieces)) <= length:
        pieces.append(decoder.decompress(data[at : at + 4096]))
        at += 4096
    if at < len(data):
        raise ValueError("has more behind it, or is too long")
    return decoder, b"".join(pieces)


def is_manifest(path):
    match = re.search(rb"(?:^|/)\.backup-meta\.([0-9a-z])\.(0|[1-9a-z][0-9a-z]{0,3})\Z", path)
    return bool(match) and int(match[2], 36) < 2 ** int(match[1], 36)


def is_user_metadata(value):
    texts, at = [], 0
    while at < len(value):
        length = int.from_bytes(value[at : at + 2], "big")
        texts.append(value[at + 2 : at + 2 + length])
        if at + 2 > len(value) or len(texts[-1]) != length:
            return False
        at += 2 + length
    names = texts[::2]
    return len(texts) % 2 == 0 and all(a < b for a, b in zip(names, names[1:]))


def is_raw(stored, name):
    """Section 11: an object as long as its name says, whose md5 is the name's, is the file itself."""
    if name is None or stored.length != name.size:
        return False
    digest = hashlib.md5()
    for at in range(0, stored.length, PIECE):
        digest.update(stored.read(at, at + PIECE))
    return digest.digest() == name.md5


# ---- destinations -------------------------------------------------------------------------------------------------


def destination_names(root, keys):
    """(file, name) of every object; names that do not open are told."""
    files = []
    for folder, folders, entries in os.walk(os.fsencode(root)):
        folders.sort()
        files += [os.path.join(folder, entry) for entry in sorted(entries) if entry.endswith(b".enc")]
    learn_salts(files, os.fsencode(root), keys)
    for path in files:
        name = parse_name(os.path.relpath(path, os.fsencode(root)), keys)
        if name is None:
            warn(path, "is not ours, or of another password")
        else:
            yield path, name


def learn_salts(files, root, keys):
    """Section 10: opens the header of one object per unknown tag."""
    seen = set()
    for path in files:
        data = name_bytes(os.path.relpath(path, root))
        if data is None or data[:4] in seen:
            continue
        try:
            header = Header(File(path))
            header.file_key(keys, True)
            seen.update(mac(key, label("name tag"))[:4] for key in keys.destinations)
        except Bad:
            continue  # damaged, or classic: another object of the same tag may tell


def read_object(path, name, keys, allow_unencrypted, write):
    """Gives `write` the content of an object; returns its record type (1 for classic)."""
    stored = File(path)
    try:
        if stored.read(0, 8) != MAGIC or is_raw(stored, name):
            read_classic(stored, name, keys, write)
            return 1
        record = Segmented(stored, keys, name, allow_unencrypted)
        if record.type == 1:
            write(record.content())
        return record.type
    finally:
        stored.file.close()


def select(objects, everything):
    """The object to restore for each path: the newest live one, or with `everything` also the newest retired one."""
    markers = {}
    for _, name in objects:
        if name.stamp[0] == "marker":
            markers[name.version()] = max(markers.get(name.version(), 0), name.stamp[2])
    best = {}
    for path, name in objects:
        if name.stamp[0] == "marker":
            continue
        stored, marked = os.stat(path).st_mtime, markers.get(name.version(), 0)
        live = name.stamp[0] == "live" and marked <= stored
        if not live and not everything:
            continue
        ceased = marked if name.stamp[0] == "live" else end_of_life(name.stamp)
        rank = (live, 0 if live else ceased, stored, name.mtime)
        if name.path not in best or rank > best[name.path][0]:
            best[name.path] = (rank, path, name)
    return [(path, name) for _, path, name in best.values()]


def end_of_life(stamp):
    """C; of a date the end of its day (section 2.1)."""
    if stamp[0] == "stamp":
        return stamp[2]
    year, month, day = stamp[1] // 10000, stamp[1] // 100 % 100, stamp[1] % 100
    return calendar.timegm((year, month, day, 24, 0, 0))


def unescape(path):
    """Section 9: source files whose name begins like a manifest's."""
    folder, slash, last = path.rpartition(b"/")
    if last.startswith(b".backup-meta="):
        last = last[:12] + last[13:]
    return folder + slash + last


def restore(options, keys):
    objects = list(destination_names(options.folder, keys))
    failed = 0
    for path, name in sorted(select(objects, options.at_all), key=lambda pair: pair[1].path):
        if options.only and not name.path.startswith(os.fsencode(options.only)):
            continue
        segmented = open(path, "rb").read(8) == MAGIC
        target = unescape(name.path) if segmented else name.path
        if any(part in (b"", b".", b"..") for part in target.split(b"/")) or b"\0" in target:
            warn(path, "has a path that is not safe to restore")
            failed += 1
            continue
        target = os.path.join(os.fsencode(options.target), target)
        try:
            read_object(path, name, keys, options.allow_unencrypted, lambda pieces: write_file(target, pieces, name))
        except (Bad, OSError) as error:
            warn(name.path, error)
            failed += 1
    return 1 if failed else 0


def write_file(target, pieces, name):
    """Writes beside the target and renames once all of it is right."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "wb") as out:
            for piece in pieces:
                out.write(piece)
        if name is not None:
            os.utime(temporary, (name.mtime, name.mtime))
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def warn(path, problem):
    print(f"{ascii(os.fsdecode(path))[1:-1]}: {problem}", file=sys.stderr)


# ---- vectors --------------------------------------------------------------------------------------------------------


def run_vector(path, rings):
    """What becomes of a test vector: its layer of failure, or its content."""
    with open(path, encoding="utf-8") as file:
        vector = json.load(file)
    keys = rings.setdefault(vector.get("password"), Keys(vector.get("password")))
    stored = Memory(base64.b64decode(vector["object"]))
    result = {"vector": os.path.basename(path)}
    try:
        key = vector["key"].encode("utf-8") if "key" in vector else None
        name = None
        if key is not None:
            if stored.data[:8] == MAGIC and name_bytes(key):
                try:
                    Header(stored).file_key(keys, True)
                except Bad:
                    pass
            name = parse_name(key, keys)
            if name is None:
                raise Bad("name", "does not open")
        if stored.data[:8] == MAGIC and not is_raw(stored, name):
            record = Segmented(stored, keys, name, vector.get("allowUnencrypted", False))
            content = b"".join(record.content())
            result |= {"type": ("file", "manifest", "tombstone")[record.type - 1], "path": record.path.decode()}
            result |= {"mtime": record.mtime, "size": record.size, "md5": record.md5.hex()}
        else:
            content = read_classic(stored, name, keys, lambda pieces: b"".join(pieces))
            result |= {"type": "file", "path": name.path.decode(), "mtime": name.mtime}
            result |= {"size": name.size, "md5": name.md5.hex()}
        result["contentSha256"] = hashlib.sha256(content).hexdigest()
    except Bad as bad:
        result = {"vector": result["vector"], "fails": bad.layer}
    return result


def password_of(options):
    if options.password_file:
        # Its first line, as the tool has it.
        with open(options.password_file, encoding="utf-8-sig", newline="") as file:
            return re.split("\r?\n", file.read())[0]
    if "BACKUP_PASSWORD" in os.environ:
        return os.environ["BACKUP_PASSWORD"]
    return None if options.no_password else getpass.getpass("Password: ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--password-file")
    parser.add_argument("--no-password", action="store_true", help="nothing is encrypted")
    parser.add_argument("--allow-unencrypted", action="store_true", help="take unencrypted objects as well")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list").add_argument("folder")
    command = commands.add_parser("restore")
    command.add_argument("folder")
    command.add_argument("target")
    command.add_argument("--at-all", action="store_true", help="also files that were deleted")
    command.add_argument("--only", metavar="PREFIX")
    command = commands.add_parser("decrypt")
    command.add_argument("file")
    command.add_argument("out")
    commands.add_parser("vectors").add_argument("files", nargs="+")
    options = parser.parse_args()
    if options.command == "vectors":
        rings = {}
        for path in options.files:
            print(json.dumps(run_vector(path, rings)))
        return 0
    keys = Keys(password_of(options))
    if options.command == "list":
        for _, name in destination_names(options.folder, keys):
            print(name.stamp, name.mtime, name.size, name.md5.hex(), ascii(os.fsdecode(name.path))[1:-1])
        return 0
    if options.command == "restore":
        return restore(options, keys)
    return decrypt(options, keys)


def decrypt(options, keys):
    stored, out = File(options.file), os.fsencode(os.path.abspath(options.out))
    name = parse_name(os.path.basename(os.fsencode(options.file)), keys)
    if stored.read(0, 8) == MAGIC and not is_raw(stored, name):
        record = Segmented(stored, keys, None, options.allow_unencrypted)
        write_file(out, record.content(), None)
    elif name is not None:
        record = name
        read_classic(stored, name, keys, lambda pieces: write_file(out, pieces, None))
    else:
        raise Bad("header", "has no magic: a classic object is only opened under its stored name")
    print(ascii(os.fsdecode(record.path))[1:-1], record.mtime, record.size)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Bad as problem:
        sys.exit(str(problem))
