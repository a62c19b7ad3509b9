"""Own images that are broken or made to harm: each gives one sentence, or is left out and counted; nothing else happens."""

import io
import os
import pickle
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from compression.data import DATASETS
from compression.data.own import limits, pictures, sources, stored
from compression.data.own.bring import bring
from compression.data.own.request import with_paths_brought_in
from compression.errors import LabError, SpecError
from compression.spec import parse
from tests.data import own_files as files
from tests.data.own_files import good, images, labels, npy, npy_that_says, npz, picture, with_mode, zipped

ESCAPES = "leads out of it"
NAMES_THAT_LEAD_OUT = [
    *("../x.png", "../../../../etc/passwd", "cat/../../x.png", "cat/..", "..", "../", "./../x.png", "cat/a/../../../x.png"),
    *("..\\x.png", "cat\\..\\..\\x.png", "..\\..\\windows\\win.ini", "cat/..\\x.png", "cat\\../x.png", "../cat/猫.png"),
    *(
        "/etc/passwd",
        "/x.png",
        "//server/share/x.png",
        "\\x.png",
        "\\\\server\\share\\x.png",
        "\\\\?\\C:\\x.png",
        "\\\\.\\pipe\\x",
    ),
    *("C:\\x.png", "c:/x.png", "C:x.png", "z:..\\x.png", "C:", "", "cat/\0.png", "\0", "cat/a.png\0.jpg"),
]
NAMES_OF_DEVICES = [
    *("CON", "con.png", "cat/PRN.png", "cat/aux", "AUX/1.png", "nul.tar.gz", "cat/NUL", "COM1", "cat/com9.png", "LPT1.jpeg"),
    *("cat/lpt3", "CONIN$", "cat/conout$.png", "cat/COM¹.png", "cat/nul .png", "clock$", "cat/aux:stream.png"),
]
LONG_NAMES = ["x" * 501, "cat/" + "猫" * 500 + ".png", "a/" * 300 + "x.png", "cat/" + " " * 500, "\\" * 600, "x" * 60_000]
OTHER_KINDS = [files.LINK, files.PIPE, files.SOCKET, files.CHARACTERS, files.BLOCKS]


def outside_names():
    yield from ((name, ESCAPES) for name in NAMES_THAT_LEAD_OUT)
    yield from ((name, "that of a device") for name in NAMES_OF_DEVICES)
    yield from ((name, "characters; 500 are allowed") for name in LONG_NAMES)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def there(root: Path) -> set[str]:
    """All that lies under a folder, but for the lock of the lab's own datasets."""
    return {str(path.relative_to(root)) for path in root.rglob("*")} - {"home", "home/datasets", "home/datasets/.lock"}


def refused(source: bytes | Path, sentence: str, root: Path, **settings) -> None:
    """Bring in what is refused with a sentence, and leave nothing behind."""
    before = there(root)
    with pytest.raises(LabError) as caught:
        bring(source if isinstance(source, Path) else io.BytesIO(source), "pets", **settings)
    said = str(caught.value)
    assert sentence in said
    assert said.endswith(".")
    assert said.isprintable()
    assert there(root) == before


def left_out(source: bytes | Path, reason: str, root: Path, count: int = 1) -> None:
    """Bring in what is usable but for some files."""
    own = bring(source if isinstance(source, Path) else io.BytesIO(source), "pets")
    assert [(why, number) for why, number, _first in own.facts["skipped"]] == [(reason, count)]
    assert sum(own.facts["train"]) + sum(own.facts["test"]) == 2 * files.A_CLASS
    assert {name for name in there(root) if name.startswith("home")} == {f"home/datasets/{own.name}.safetensors"}


@pytest.mark.parametrize(("name", "sentence"), outside_names(), ids=lambda value: ascii(value)[:40])
def test_a_name_that_leads_out_is_refused_alone_and_among_images(name: str, sentence: str, tmp_path: Path) -> None:
    refused(zipped({name: picture(0)}), sentence, tmp_path)
    refused(zipped([*good().items(), (name, picture(0))]), sentence, tmp_path)


@pytest.mark.parametrize("mode", OTHER_KINDS)
@pytest.mark.parametrize("content", [b"/etc/passwd", b"../../outside", picture(0)], ids=["absolute", "relative", "image"])
def test_links_and_devices_in_a_zip_are_refused(mode: int, content: bytes, tmp_path: Path) -> None:
    refused(with_mode("cat/link.png", mode, content), "a link or a device", tmp_path)


WHOLE = zipped({"cat/1.png": picture(0), "dog/1.png": picture(1)})
PACKED = zipped({"cat/1.png": bytes(3 * limits.RATIO_COUNTS_FROM_BYTES)}, zipfile.ZIP_DEFLATED)
LIST, END, LOCAL = b"PK\1\2", b"PK\5\6", b"PK\3\4"
NO_ZIP, TOO_FEW = "no zip, or a damaged one", "usable training images; 4 are the fewest"
SAYS_MORE = files.patched(WHOLE, LIST, 24, "<L", 1 << 30)
ZIPS = {
    "empty file": (b"", NO_ZIP),
    "one byte": (b"P", NO_ZIP),
    "text": (b"hello", NO_ZIP),
    "image": (picture(0), NO_ZIP),
    "npy": (npy(images()), NO_ZIP),
    "pickle": (pickle.dumps([1, 2]), NO_ZIP),
    "rar": (b"Rar!\x1a\7\1\0" + bytes(99), NO_ZIP),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), NO_ZIP),
    "gzip": (b"\x1f\x8b\x08" + bytes(99), NO_ZIP),
    "tar": (b"cat/1.png".ljust(257, b"\0") + b"ustar\0" + bytes(249), NO_ZIP),
    "end alone, cut": (WHOLE[WHOLE.index(END) :][:10], NO_ZIP),
    "no files": (zipped({}), "no image in a class folder"),
    "end alone": (WHOLE[WHOLE.index(END) :], NO_ZIP),
    "folders alone": (zipped({"cat/": b"", "dog/": b""}), "no image in a class folder"),
    **{f"cut at {share}": (WHOLE[: len(WHOLE) * share // 10], NO_ZIP) for share in range(1, 10)},
    "head cut off": (WHOLE[200:], NO_ZIP),
    "list of files is garbage": (WHOLE.replace(LIST, b"XX\1\2"), NO_ZIP),
    "list lies elsewhere": (files.patched(WHOLE, END, 16, "<L", 1 << 31), NO_ZIP),
    "list is said to be huge": (files.patched(WHOLE, END, 12, "<L", 1 << 31), "list of files takes"),
    "encrypted": (files.patched(WHOLE, LIST, 8, "<H", 1), "is encrypted"),
    "packed by bzip2": (zipped({"cat/1.png": picture(0)}, zipfile.ZIP_BZIP2), "in an unusual way"),
    "packed by lzma": (zipped({"cat/1.png": picture(0)}, zipfile.ZIP_LZMA), "in an unusual way"),
    "packed by nothing known": (files.patched(WHOLE, LIST, 10, "<H", 99), "in an unusual way"),
    "for a later version": (files.patched(WHOLE, LIST, 6, "<H", 999), NO_ZIP),
    "bomb": (PACKED, "times as large unpacked as packed"),
    "bomb that says that it is small": (files.patched(PACKED, LIST, 24, "<L", 9), "no image in a class folder"),
    "says that it is large": (SAYS_MORE, "unpacked; 1,000 MB are allowed"),
    "says that it is very large": (files.patched(WHOLE, LIST, 24, "<L", (1 << 32) - 2), "unpacked; 1,000 MB are allowed"),
    "overlapping": (files.overlapping(), "overlap, as those of a zip bomb"),
    "packed size reaches into the next": (files.patched(WHOLE, LIST, 20, "<L", 200), "overlap"),
    "zip in a zip": (zipped({"cat/1.zip": WHOLE, "dog/1.zip": PACKED}), "no image in a class folder"),
    "one class": (zipped({f"cat/{place}.png": picture(place) for place in range(9)}), "one class alone, cat"),
    "no class folders": (zipped({f"{place}.png": picture(place) for place in range(9)}), "no image in a class folder"),
    "a class of three": (zipped({**good(), **{f"emu/{place}": picture(place) for place in range(3)}}), f"emu has 3 {TOO_FEW}"),
    "too few": (
        zipped({name: content for name, content in good().items() if name.endswith("0.png")}),
        "4 images are left for training",
    ),
    "a test without training": (
        zipped({f"{part}/cat/{n}": picture(n) for part in ("test", "val") for n in range(9)}),
        "no folder train",
    ),
    "an npz of other names": (npz(a=images(), b=labels()), "no images and labels for training"),
}


@pytest.mark.parametrize(("content", "sentence"), ZIPS.values(), ids=ZIPS)
def test_a_zip_that_is_none_or_holds_nothing_of_use_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    refused(content, sentence, tmp_path)


def test_a_list_of_files_of_the_large_format_is_measured_before_it_is_read(tmp_path: Path) -> None:
    end = WHOLE.index(END)
    large = b"PK\6\6" + (44).to_bytes(8, "little") + bytes(28) + (1 << 40).to_bytes(8, "little") + bytes(8)
    locator = b"PK\6\7" + bytes(4) + end.to_bytes(8, "little") + (1).to_bytes(4, "little")
    refused(WHOLE[:end] + large + locator + WHOLE[end:], "list of files takes", tmp_path)


LIMITS = {
    "MOST_PACKED_BYTES": (1_000, "The file has"),
    "MOST_UNPACKED_BYTES": (1_000, "The files take"),
    "MOST_DIRECTORY_BYTES": (1_000, "list of files takes"),
    "MOST_FILES": (79, "There are 80 files or more; 79 are allowed"),
    "MOST_CLASSES": (1, "There are 2 classes; 1 are allowed"),
    "MOST_PIXELS": (5_000, "All images together have 5,056 pixels; 5,000 are allowed"),
    "MOST_ARRAY_BYTES": (5_000, "80 images of 8 × 8 pixels take"),
    "MOST_STORED_BYTES": (5_000, "The own images of this lab would take"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_passed_with_a_sentence(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most, sentence = LIMITS[limit]
    monkeypatch.setattr(limits, limit, most)
    refused(zipped(good()), sentence, tmp_path)


def cut(kind: str, share: float) -> bytes:
    content = picture(3, kind, "RGB", (16, 16))
    return content[: int(len(content) * share)]


BROKEN_IMAGES = {
    **{f"{kind} cut at {share}": cut(kind, share) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF") for share in (0.1, 0.4, 0.7)},
    **{f"{kind}, its start gone": b"\0\0\0\0" + picture(3, kind)[4:] for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF")},
    **{f"{kind}, its middle gone": picture(3, kind)[:30] + bytes(len(picture(3, kind)) - 30) for kind in ("PNG", "JPEG")},
    "zeros": bytes(500),
    "noise": numpy.random.default_rng(0).bytes(500),
    "text": b"not an image",
    "page": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "pdf": b"%PDF-1.7\n" + bytes(99),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "program": b"\x7fELF" + bytes(99),
    "windows program": b"MZ" + bytes(99),
    "zip": WHOLE,
    "gzip": b"\x1f\x8b\x08" + bytes(99),
    "pickle": pickle.dumps(print),
    "npy": npy(images(2)),
    "tiff": b"II*\0" + bytes(99),
    "large tiff": b"II+\0" + bytes(99),
    "portable pixmap": b"P6 8 8 255 " + bytes(192),
    "icon": b"\0\0\1\0\1\0\x10\x10" + bytes(99),
    "photoshop": b"8BPS\0\1" + bytes(99),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
    "avif": b"\0\0\0\x1cftypavif" + bytes(99),
    "pcx": b"\n\5\1\x08" + bytes(200),
    "mpeg": b"\0\0\1\xb3" + bytes(99),
    "xbm": b"#define x_width 8\n#define x_height 8\n",
    "fits": b"SIMPLE  =                    T" + bytes(99),
    "bmp of no pixels": files.bmp_that_claims(0, 0),
    "png of no pixels": files.png_that_claims(0, 0),
    "png that says more than it has": files.png_that_claims(64, 64),
}


@pytest.mark.parametrize("content", BROKEN_IMAGES.values(), ids=BROKEN_IMAGES)
def test_a_file_that_is_no_image_or_a_broken_one_is_left_out_and_counted(content: bytes, tmp_path: Path) -> None:
    own = bring(io.BytesIO(zipped(good() | {"cat/it.png": content})), "pets")
    [(reason, count, name)] = own.facts["skipped"]
    assert (count, name) == (1, "cat/it.png")
    assert reason in (pictures.BROKEN, pictures.NO_IMAGE)
    assert sum(own.facts["train"]) + sum(own.facts["test"]) == 2 * files.A_CLASS


LARGE = {
    "png": files.png_that_claims(60_000, 60_000),
    "wide png": files.png_that_claims(2**31 - 1, 1),
    "png just too large": files.png_that_claims(5_001, 5_000),
    "png of a warning": files.png_that_claims(10_000, 10_000),
    "bmp": files.bmp_that_claims(60_000, 60_000),
    "gif": files.gif_that_claims(65_535, 65_535),
    "jpeg": files.jpeg_that_claims(65_500, 65_500),
}


@pytest.mark.filterwarnings("ignore:Image size")  # pytest takes back that it is an error
@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
def test_an_image_that_says_that_it_is_large_is_never_decoded(content: bytes, tmp_path: Path) -> None:
    left_out(zipped(good() | {"cat/it.png": content}), pictures.TOO_MANY_PIXELS, tmp_path)


OTHERS = {
    "empty": ([("cat/it.png", b"")], sources.EMPTY),
    "twice": ([("cat/0.png", picture(7))], sources.TWICE),
    "twice, by other slashes": ([("cat\\0.png", picture(7))], sources.TWICE),
    "twice, by a detour": ([("cat/./0.png", picture(7)), ("cat//0.png", picture(8))], sources.TWICE),
    "hidden": ([("cat/.it.png", picture(7)), (".git/config", b"x")], sources.HIDDEN),
    "of macOS": ([("__MACOSX/cat/._0.png", b"x"), ("cat/.DS_Store", b"x")], sources.HIDDEN),
    "of Windows": ([("cat/Thumbs.db", b"x"), ("desktop.ini", b"x")], sources.HIDDEN),
    "wrong checksum": ([("cat/it.png", b"CHECKSUM" + picture(7))], pictures.BROKEN),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", OTHERS)
def test_other_files_of_no_use_are_left_out_and_counted(case: str, tmp_path: Path) -> None:
    more, reason = OTHERS[case]
    content = zipped([*good().items(), *more])
    left_out(content.replace(b"CHECKSUM", b"CHANGED!"), reason, tmp_path, len(more))


def test_an_image_with_another_ending_is_an_image() -> None:
    odd = {
        name.replace(".png", ending): content
        for (name, content), ending in zip(good().items(), [".jpg", ".exe", "", ".PnG"] * 20, strict=True)
    }
    assert bring(io.BytesIO(zipped(odd)), "pets").facts["skipped"] == []


SCRIPTS = [
    *(
        "кошка",
        "猫",
        "ねこ",
        "고양이",
        "قطة",
        "חתול",
        "γάτα",
        "แมว",
        "बिल्ली",
        "mèo",
        "kočka",
        "ñandú",
        "ẞ",
        "ﬁ",
        "𝓒𝓪𝓽",
        "🐈",
        "🐈‍⬛",
    ),
    *(
        "cafe\u0301",
        "a\u202egnp.exe",
        "\u200b",
        "\ufeffcat",
        "\x1b[31mred",
        "two\nlines",
        "tab\there",
        " ",
        "!!!",
        "...cat",
        "$(rm -rf ~)",
    ),
    *(
        "[x](https://example.org)",
        "![x](https://example.org/a.png)",
        "<script>alert(1)</script>",
        "**bold**",
        "`code`",
        "$E=mc^2$",
        ":smile:",
    ),
    *(
        "{name}",
        "%s%n",
        "' OR 1=1 --",
        "=cmd|' /C calc'!A0",
        "# title",
        "| a | b |",
        "~~gone~~",
        "&lt;b&gt;",
        "x" * 300,
        "cat.",
        "None",
    ),
]


@pytest.mark.parametrize("name", SCRIPTS, ids=lambda value: ascii(value)[:30])
def test_class_names_of_any_script_are_shown_as_words(name: str, tmp_path: Path) -> None:
    renamed = {key.replace("dog", name, 1): content for key, content in good().items()}
    if name.startswith("."):
        refused(zipped(renamed), "one class alone", tmp_path)
        return
    shown = bring(io.BytesIO(zipped(renamed)), name).facts
    words = [*shown["class_names"], shown["title"]]
    assert len(set(shown["class_names"])) == 2
    for word in words:
        assert 0 < len(word) <= 45
        assert word.isprintable()
        assert not set(word) & set("<>[]{}*`$#|~:\\!=%")
        assert not any(unicodedata.category(one) in ("Cf", "Cc", "Cs", "Co") for one in word)


def test_class_names_that_look_alike_stay_apart() -> None:
    both = {name.replace("cat", "a*b").replace("dog", "a|b"): content for name, content in good().items()}
    assert bring(io.BytesIO(zipped(both)), "pets").facts["class_names"] == ["a b", "a b (1)"]


class Harm:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


def objects() -> bytes:
    return npy(numpy.array([Harm()] * 80, dtype=object), allow_pickle=True)


def header(text: str = "'|u1'", shape: str = "(80, 8, 8)", more: str = "") -> str:
    return f"{{'descr': {text}, 'fortran_order': False, 'shape': {shape}{more}}}"


DAMAGED, NOT_AS_SAID = "is damaged, or no array", "does not hold what its header says"
TYPE, SHAPE, LABELS, VALUES = "objects are never read", "has the shape", "is no list of labels", "are no brightness"
RAW = bytes(80 * 64)
IMAGES = {
    "objects": (objects(), TYPE),
    "pickle": (pickle.dumps(Harm()), DAMAGED),
    "empty": (b"", DAMAGED),
    "text": (b"hello", DAMAGED),
    "magic alone": (b"\x93NUMPY", DAMAGED),
    "of a later version": (npy_that_says(header(), RAW, (3, 0)), DAMAGED),
    "of no version": (npy_that_says(header(), RAW, (9, 9)), DAMAGED),
    "huge header": (npy_that_says(header(more=", " + " " * 50_000), RAW), DAMAGED),
    "header of a large version": (npy_that_says(header(more=" " * 5_000), RAW, (2, 0)), DAMAGED),
    "header that says more than there is": (b"\x93NUMPY\1\0\xff\xff" + header().encode(), DAMAGED),
    "header that computes": (npy_that_says("__import__('os').system('touch harmed')", RAW), DAMAGED),
    "header that nests": (npy_that_says("[" * 1_900, RAW), ""),
    "header of no dictionary": (npy_that_says("(1, 2)", RAW), DAMAGED),
    "header without a shape": (npy_that_says("{'descr': '|u1', 'fortran_order': False}", RAW), DAMAGED),
    "shape of text": (npy_that_says(header(shape="'80'"), RAW), DAMAGED),
    "shape that is larger": (npy_that_says(header(shape="(8000000000, 8, 8)"), RAW), NOT_AS_SAID),
    "shape beyond numbers": (npy_that_says(header(shape="(10**9,)"), RAW), DAMAGED),
    "shape that is smaller": (npy_that_says(header(shape="(79, 8, 8)"), RAW), NOT_AS_SAID),
    "shape below nothing": (npy_that_says(header(shape="(-80, -8, 8)"), RAW), "pets is damaged"),
    "shape of nothing and much": (npy_that_says(header(shape=f"(0, {10**30})")), "pets is damaged"),
    "kind unknown": (npy_that_says(header("'|z9'"), RAW), DAMAGED),
    "kind of objects by header": (npy_that_says(header("'|O'", "(640,)"), RAW), TYPE),
    "cut off": (npy(images())[:-9], NOT_AS_SAID),
    "too long": (npy(images()) + b"x", NOT_AS_SAID),
    "a number": (npy(1), SHAPE),
    "one dimension": (npy(images()[:, 0, 0]), SHAPE),
    "two dimensions": (npy(images()[:, 0]), SHAPE),
    "five dimensions": (npy(images()[:, None, None]), SHAPE),
    "two channels": (npy(images(80, 8, 8, 2)), SHAPE),
    "four channels": (npy(images(80, 8, 8, 4)), SHAPE),
    "no images": (npy(images(0)), SHAPE),
    "images of no pixels": (npy(images(80, 0, 8)), SHAPE),
    "no number": (npy(numpy.full((80, 8, 8), numpy.nan)), VALUES),
    "one that is no number": (npy(numpy.where(numpy.arange(80)[:, None, None] == 7, numpy.nan, images() / 255)), VALUES),
    "infinite": (npy(numpy.full((80, 8, 8), numpy.inf)), VALUES),
    "below nothing": (npy(images().astype(int) - 1), VALUES),
    "too bright": (npy(images().astype(int) + 1), VALUES),
    "complex": (npy(images() * 1j), TYPE),
    "dates": (npy(images().astype("datetime64[s]")), TYPE),
    "records": (npy(numpy.zeros(80, [("a", "u1"), ("b", "u1")])), TYPE),
    "raw bytes": (npy(numpy.zeros((80, 8, 8), "V1")), TYPE),
    "words": (npy(numpy.full((80, 8, 8), "x")), TYPE),
    "fewer than labels": (npy(images(79)), "has 79 images, and labels has 80 labels"),
    "more than labels": (npy(images(81)), "has 81 images, and labels has 80 labels"),
    "an image too large": (npy(numpy.broadcast_to(numpy.uint8(0), (1, 1, 1))), "has 1 images"),
}


@pytest.mark.parametrize(("content", "sentence"), IMAGES.values(), ids=IMAGES)
def test_arrays_that_are_no_images_are_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    refused(npz(images=content, labels=labels()), sentence, tmp_path)
    assert not Path("harmed").exists()


LABELS_THAT_ARE_NONE = {
    "objects": (objects(), TYPE),
    "no number": (npy(numpy.full(80, numpy.nan)), LABELS),
    "fractions": (npy(labels() + 0.5), LABELS),
    "vectors": (npy(numpy.eye(2)[labels()]), LABELS),
    "a number": (npy(1), LABELS),
    "one class": (npy(numpy.zeros(80, int)), "one class alone"),
    "a class each": (npy(numpy.arange(80)), TOO_FEW),
    "bytes": (npy(numpy.full(80, b"cat")), TYPE),
    "words without letters": (npy(numpy.full(80, "")), "one class alone"),
    "letters that are none": (npy_that_says(header("'<U1'", "(80,)"), b"\xff\xff\xff\x7f" * 80), "pets is damaged"),
    "words of no length": (npy_that_says(header("'<U0'", "(80,)")), ""),
    "too few": (npy(labels(79)), "has 80 images, and labels has 79 labels"),
}


@pytest.mark.parametrize(("content", "sentence"), LABELS_THAT_ARE_NONE.values(), ids=LABELS_THAT_ARE_NONE)
def test_arrays_that_are_no_labels_are_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    refused(npz(images=images(), labels=content), sentence, tmp_path)
    assert not Path("harmed").exists()


PARTS_OF_ARRAYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "labels missing": (lambda: npz(x_train=images(), x_test=images(), y_test=labels()), "no images and labels for training"),
    "images missing": (lambda: npz(y_train=labels()), "no images and labels for training"),
    "test alone": (lambda: npz(x_test=images(), y_test=labels()), "no images and labels for training"),
    "a label of the test alone": (
        lambda: npz(x_train=images(), y_train=labels(), x_test=images(3), y_test=labels(3, 3)),
        "The label 2 has no training image",
    ),
    "a name twice": (lambda: zipped([("x.npy", npy(images())), ("x.npy", npy(images())), ("y.npy", npy(labels()))]), "one name"),
    "class names of objects": (lambda: npz(x=images(), y=labels(), class_names=objects()), TYPE),
    "packed a thousand times": (
        lambda: zipped({"x.npy": npy(numpy.zeros((80, 150, 150), numpy.uint8)), "y.npy": npy(labels())}, zipfile.ZIP_DEFLATED),
        "times as large unpacked",
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", PARTS_OF_ARRAYS)
def test_arrays_that_do_not_belong_together_are_refused(case: str, tmp_path: Path) -> None:
    content, sentence = PARTS_OF_ARRAYS[case]
    refused(content(), sentence, tmp_path)


def in_folder(root: Path) -> Path:
    for name, content in good().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


FOLDER_LINKS: dict[str, Callable[[Path, Path], None]] = {
    "to a file outside": lambda folder, outside: (folder / "cat" / "it.png").symlink_to(outside / "secret.png"),
    "to a folder outside": lambda folder, outside: (folder / "emu").symlink_to(outside),
    "to a folder above": lambda folder, outside: (folder / "cat" / "up").symlink_to(folder),
    "to itself": lambda folder, outside: (folder / "cat" / "it.png").symlink_to(folder / "cat" / "it.png"),
    "to nothing": lambda folder, outside: (folder / "cat" / "it.png").symlink_to(outside / "nothing"),
    "to the system": lambda folder, outside: (folder / "cat" / "it.png").symlink_to("/etc/passwd"),
    "a pipe": lambda folder, outside: os.mkfifo(folder / "cat" / "it.png"),
}


@pytest.mark.skipif(os.name == "nt", reason="links and pipes need rights there")
@pytest.mark.parametrize("case", FOLDER_LINKS)
def test_links_and_pipes_in_a_folder_are_left_out_and_counted(case: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(picture(77))
    folder = in_folder(tmp_path / "pets")
    FOLDER_LINKS[case](folder, outside)
    left_out(folder, sources.LINK, tmp_path)
    assert {path.name for path in outside.iterdir()} == {"secret.png"}


@pytest.mark.parametrize(
    "path", ["nothing", "nothing/at/all", "/dev/null", "/dev/zero", "", ".", "~nobody-here/x", "a\0b", "x" * 5_000]
)
def test_a_path_without_images_is_a_sentence(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError) as caught:
        with_paths_brought_in({"kind": "distill", "dataset": {"name": "folder", "path": path}})
    assert "\n" not in str(caught.value)


REQUESTS = [
    {"name": "folder"},
    {"name": "folder", "path": None},
    {"name": "folder", "path": 7},
    {"name": "folder", "path": ["x"]},
    {"name": "digits", "path": "x"},
    {"name": "folder", "path": ".", "size": 33},
    {"name": "folder", "path": ".", "size": -1},
    {"name": "folder", "path": ".", "size": 10**9},
    {"name": "folder", "path": ".", "colour": "blue"},
]


@pytest.mark.parametrize("chosen", REQUESTS, ids=str)
def test_a_request_that_makes_no_sense_names_its_field(chosen: dict, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^dataset"):
        with_paths_brought_in({"kind": "distill", "dataset": chosen})


NAMES = [
    "own-",
    "own-" + "0" * 24,
    "own-../../../etc/passwd",
    "own-" + "A" * 24,
    "own-" + "0" * 24 + "\n",
    "own-" + "0" * 23 + "/",
    "own-*",
]


@pytest.mark.parametrize("name", [*NAMES, "folder", "../datasets/x", "OWN-" + "0" * 24])
def test_a_page_or_a_link_can_name_only_what_the_lab_has(name: str, home: Path) -> None:
    stored.folder().mkdir(parents=True)
    with pytest.raises(SpecError, match=r"^dataset\.name"):
        parse({"kind": "distill", "dataset": {"name": name}})
    assert name not in DATASETS


def test_a_file_of_the_lab_that_somebody_changed_is_a_sentence_and_no_dataset(tmp_path: Path) -> None:
    own = bring(io.BytesIO(zipped(good())), "pets")
    path, whole = stored.path_of(own.name), stored.path_of(own.name).read_bytes()
    for content in (b"", b"x", whole[:100], whole[:-1], pickle.dumps(Harm()), b"\xff" * 8 + whole[8:]):
        path.write_bytes(content)
        assert stored.own_datasets() == []
        with pytest.raises(SpecError, match="does not have these images"):
            parse({"kind": "distill", "dataset": {"name": own.name}})
    path.write_bytes(whole)
    assert [one.name for one in stored.own_datasets()] == [own.name]


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored.safetensors.torch, "save_file", full)
    refused(zipped(good()), "No space left on device", tmp_path)


def test_reading_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(io.BytesIO(zipped(good())), "pets", tell=stop)
    assert there(tmp_path) == set()
