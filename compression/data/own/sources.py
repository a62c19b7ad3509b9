"""Where own images come from: the files of a folder or of a zip, which is read where it is and never unpacked to disk."""

import hashlib
import os
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from compression.data.own import limits
from compression.data.own.names import is_systems_own, parts_of, shown
from compression.errors import DataError
from compression.texts import gettext as _
from compression.texts import mark

HIDDEN, LINK, TWICE = mark("hidden, or the system's own"), mark("a link, which is not followed"), mark("its name occurs twice")
TOO_LARGE, EMPTY = mark("a file of more than 50 MB"), mark("an empty file")
LOCAL_HEADER_BYTES, END_BYTES, LOCATOR_BYTES, END64_BYTES, COMMENT_BYTES = 30, 22, 20, 56, 65_535
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
NO_ZIP = mark("The file is no zip, or a damaged one; make it again.")
ENCRYPTED = 0x1
CHUNK = 1 << 20


@dataclass
class Skipped:
    """Files that are left out: how many for each reason, and the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, name: str, count: int = 1) -> None:
        """Leave a file out."""
        self.counts[reason] += count
        self.first.setdefault(reason, shown(name, "?"))

    def to_json(self) -> list[list[str | int]]:
        """Return reason, count and the first file's name, most frequent first."""
        return [[reason, count, self.first[reason]] for reason, count in self.counts.most_common()]


@dataclass(frozen=True)
class File:
    """One file: the parts of its path, and how its bytes are read."""

    parts: tuple[str, ...]
    read: Callable[[], bytes]

    @property
    def name(self) -> str:
        """Return its path."""
        return "/".join(self.parts)


def in_folder(root: Path, skipped: Skipped) -> list[File]:
    """Return the files below a folder in the order of their names; links are not followed.

    Raises:
        DataError: a folder cannot be read.
        LimitError: too many files, or too large ones.
    """
    found, size, folders = [], 0, [root]
    while folders:
        try:
            entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(_("{folder} cannot be read: {reason}.").format(folder=root, reason=error.strerror)) from error
        for entry in entries:
            parts = Path(entry.path).relative_to(root).parts
            if is_systems_own(parts):
                skipped.add(HIDDEN, entry.name)
            elif entry.is_dir(follow_symlinks=False) and not getattr(entry, "is_junction", bool)():
                folders.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                skipped.add(LINK, entry.name)
            elif _holds_something(bytes_of := entry.stat().st_size, entry.name, skipped):
                found.append(File(parts, Path(entry.path).read_bytes))
                size += bytes_of
        limits.check_files(len(found) + len(folders))
        limits.check_unpacked(size)
    return sorted(found, key=lambda file: file.parts)


def digest_of_folder(files: list[File]) -> str:
    """Return the SHA-256 of the names and the contents of files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(os.fsencode(file.name)).digest() + hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def digest_of_file(file: BinaryIO) -> str:
    """Return the SHA-256 of a whole file.

    Raises:
        LimitError: it is too large.
    """
    limits.check_packed(file.seek(0, os.SEEK_END))
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def opened(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open a zip that may be anything: its list of files is checked before any of them is read.

    Raises:
        DataError: it is no zip, or damaged, encrypted, or made to harm.
        LimitError: it holds too much.
    """
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, IndexError) as error:
        raise DataError(_(NO_ZIP)) from error
    with archive:
        _check_entries(archive, file.seek(0, os.SEEK_END))
        yield archive


def in_zip(archive: zipfile.ZipFile, skipped: Skipped) -> list[File]:
    """Return the files of a checked zip in the order of their names."""
    found: dict[tuple[str, ...], File] = {}
    for entry in archive.infolist():
        parts = parts_of(entry.orig_filename)
        if entry.is_dir() or not parts:
            continue
        if is_systems_own(parts):
            skipped.add(HIDDEN, parts[-1])
        elif parts in found:
            skipped.add(TWICE, parts[-1])
        elif _holds_something(entry.file_size, parts[-1], skipped):
            found[parts] = File(parts, lambda entry=entry: archive.read(entry))
    return [found[parts] for parts in sorted(found)]


def _holds_something(size: int, name: str, skipped: Skipped) -> bool:
    if reason := EMPTY if size == 0 else TOO_LARGE if size > limits.MOST_FILE_BYTES else "":
        skipped.add(reason, name)
    return not reason


def _check_directory(file: BinaryIO) -> None:
    """Refuse a list of files that is too long to be read: Python's zipfile reads all of it before it can be asked."""
    size = file.seek(0, os.SEEK_END)
    limits.check_packed(size)
    file.seek(-min(size, END_BYTES + COMMENT_BYTES + LOCATOR_BYTES + END64_BYTES), os.SEEK_END)
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < END_BYTES:
        raise DataError(_(NO_ZIP))
    length = struct.unpack_from("<L", tail, place + 12)[0]
    if tail[place - LOCATOR_BYTES : place][:4] == b"PK\6\7" and place >= LOCATOR_BYTES + END64_BYTES:
        length = struct.unpack_from("<Q", tail, place - LOCATOR_BYTES - END64_BYTES + 40)[0]
    sentence = _("The zip's list of files takes {given}; {most} are allowed.")
    limits.at_most(length, limits.MOST_DIRECTORY_BYTES, sentence, "MB")
    file.seek(0)


def _check_entries(archive: zipfile.ZipFile, packed: int) -> None:
    entries = archive.infolist()
    limits.check_files(len(entries))
    for entry in entries:
        parts_of(entry.orig_filename)
        name, kind = shown(entry.filename, "?"), stat.S_IFMT(entry.external_attr >> 16)
        if entry.flag_bits & ENCRYPTED:
            raise DataError(_("The zip is encrypted (“{name}”); make one without a password.").format(name=name))
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(_("The zip holds a link or a device, “{name}”; such a file is not read.").format(name=name))
        if entry.compress_type not in METHODS:
            sentence = _(
                "The zip packs “{name}” in an unusual way; allowed are stored and deflate, which every program can make."
            )
            raise DataError(sentence.format(name=name))
    unpacked = sum(entry.file_size for entry in entries)
    limits.check_unpacked(unpacked)
    if unpacked > limits.RATIO_COUNTS_FROM_BYTES:
        sentence = _("The files are {given} times as large unpacked as packed; {most} times are allowed.")
        limits.at_most(unpacked / max(packed, 1), limits.MOST_COMPRESSION_RATIO, sentence, "{:,.0f}")
    _check_overlap(entries)


def _check_overlap(entries: list[zipfile.ZipInfo]) -> None:
    ends = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < 0:
            raise DataError(_(NO_ZIP))
        if entry.header_offset < ends:
            raise DataError(_("The zip's files overlap, as those of a zip bomb do; such a file is not read."))
        ends = entry.header_offset + LOCAL_HEADER_BYTES + entry.compress_size
