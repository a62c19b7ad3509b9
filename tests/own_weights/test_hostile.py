"""Files of weights that are broken or mean harm: each is refused in a sentence, and nothing of it stays."""

import io
import json
import os
import pickle
import struct
import zipfile

import pytest
import safetensors.torch
import torch

from compression.errors import DataError, LabError, LimitError
from compression.own_weights import header, storage

ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
FOUR = struct.pack("<f", 1.0)
DEEP = 100_000


def file(entries, data=b"", length=None):
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def changed(**changes):
    return file({"a": {**ONE, **changes}}, FOUR)


def saved(tensor, name="a"):
    return safetensors.torch.save({name: tensor})


def zipped():
    written = io.BytesIO()
    torch.save({"a": torch.ones(2)}, written)
    return written.getvalue()


def archive():
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        packed.writestr("../../escape.safetensors", b"x")
    return written.getvalue()


class Exploit:
    def __reduce__(self):
        return print, ("code from a file was executed",)


GOOD = saved(torch.ones(3, 2))
NAN, INFINITE = float("nan"), float("inf")

HOSTILE = {
    "nothing": b"",
    "one byte": b"\x00",
    "seven bytes": b"\x00" * 7,
    "no header": b"\x00" * 8,
    "a length alone": struct.pack("<Q", 2),
    "zeros": b"\x00" * 1000,
    "ones": b"\xff" * 1000,
    "text": b"These are no weights, but a letter to whom it may concern.",
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "PNG": b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
    "GGUF": b"GGUF" + b"\x03\x00\x00\x00" + b"\x00" * 100,
    "HDF5": b"\x89HDF\r\n\x1a\n" + b"\x00" * 100,
    "numpy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}" + b"\x00" * 60,
    "pickle": pickle.dumps({"a": [1.0]}),
    "pickle that runs code": pickle.dumps(Exploit()),
    "pickle, protocol 0": pickle.dumps(Exploit(), protocol=0),
    "torch.save": zipped(),
    "torch.save, cut": zipped()[:60],
    "zip with a path": archive(),
    "length of a terabyte": file({"a": ONE}, FOUR, length=2**40),
    "length of all 64 bits": file({"a": ONE}, FOUR, length=2**64 - 1),
    "length one too many": file({"a": ONE}, b"", length=len(json.dumps({"a": ONE})) + 1),
    "length one too few": file({"a": ONE}, FOUR, length=len(json.dumps({"a": ONE})) - 1),
    "length of nothing": file({"a": ONE}, FOUR, length=0),
    "header cut": GOOD[:30],
    "header cut at its end": GOOD[: 8 + int.from_bytes(GOOD[:8], "little") - 1],
    "numbers cut": GOOD[:-1],
    "no numbers": GOOD[:-24],
    "a byte too many": GOOD + b"\x00",
    "a zip behind it": GOOD + archive(),
    "two files in one": GOOD + GOOD,
    "huge header": file(b'{"__metadata__": {"a": "' + b"x" * header.MOST_HEADER_BYTES + b'"}}'),
    "header of spaces": file(b" " * (header.MOST_HEADER_BYTES + 1)),
    "deep header": file(b"[" * DEEP + b"]" * DEEP),
    "deep object": file(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "header a list": file([ONE], FOUR),
    "header a text": file("a", FOUR),
    "header null": file(None),
    "no tensors": file({}),
    "metadata alone": file({"__metadata__": {"format": "pt"}}),
    "metadata a list": file({"__metadata__": ["pt"], "a": ONE}, FOUR),
    "metadata of numbers": file({"__metadata__": {"format": 1}, "a": ONE}, FOUR),
    "metadata null": file({"__metadata__": None, "a": ONE}, FOUR),
    "not UTF-8": file(b'{"\xff\xfe": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', FOUR),
    "UTF-16": file(json.dumps({"a": ONE}).encode("utf-16"), FOUR),
    "JSON and more": file(json.dumps({"a": ONE}).encode() + b"{}", FOUR),
    "name twice": file(b'{"a": %b, "a": %b}' % ((json.dumps(ONE).encode(),) * 2), FOUR),
    "field twice": file(b'{"a": {"dtype": "F32", "dtype": "F64", "shape": [1], "data_offsets": [0, 4]}}', FOUR),
    "too many tensors": file(
        {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(header.MOST_TENSORS + 1)}
    ),
    "entry a number": file({"a": 1}, FOUR),
    "entry without a place": file({"a": {"dtype": "F32", "shape": [1]}}, FOUR),
    "entry with more": changed(file="/etc/passwd"),
    "shape negative": changed(shape=[-1]),
    "shape negative twice": changed(shape=[-1, -1]),
    "shape a fraction": changed(shape=[1.0]),
    "shape a text": changed(shape="1"),
    "shape of texts": changed(shape=["1"]),
    "shape true": changed(shape=[True]),
    "shape null": changed(shape=None),
    "shape of a thousand dimensions": changed(shape=[1] * 1000),
    "shape beyond 64 bits": changed(shape=[2**32, 2**32]),
    "shape of a thousand digits": file(b'{"a": {"dtype": "F32", "shape": [1%b], "data_offsets": [0, 4]}}' % (b"0" * 9000), FOUR),
    "shape NaN": file(b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}', FOUR),
    "shape larger than its bytes": changed(shape=[2]),
    "shape smaller than its bytes": changed(shape=[0]),
    "place reversed": changed(data_offsets=[4, 0]),
    "place negative": changed(data_offsets=[-4, 0]),
    "place beyond": changed(data_offsets=[0, 2**50]),
    "place with a gap before": file({"a": {**ONE, "data_offsets": [4, 8]}}, FOUR * 2),
    "place of three": changed(data_offsets=[0, 4, 8]),
    "place a text": changed(data_offsets="0-4"),
    "places that overlap": file({"a": ONE, "b": {**ONE, "data_offsets": [2, 6]}}, FOUR * 2),
    "places that are one": file({"a": ONE, "b": ONE}, FOUR),
    "places with a gap": file({"a": ONE, "b": {**ONE, "data_offsets": [8, 12]}}, FOUR * 3),
    "type unknown": changed(dtype="F1024"),
    "type a number": changed(dtype=32),
    "type a list": changed(dtype=["F32"]),
    "type null": changed(dtype=None),
    "type of 8 bits": saved(torch.ones(4).to(torch.float8_e4m3fn)),
    "type of truth": saved(torch.ones(4, dtype=torch.bool)),
    "type complex": changed(dtype="C64"),
    "type of another size": changed(dtype="F64"),
    "name empty": saved(torch.ones(1), ""),
    "name a path": saved(torch.ones(1), "../../../etc/passwd"),
    "name of Windows": saved(torch.ones(1), "C:\\weights"),
    "name with a zero": saved(torch.ones(1), "a\x00b"),
    "name with HTML": saved(torch.ones(1), "<img src=x onerror=alert(1)>"),
    "name with a line": saved(torch.ones(1), "a\nb"),
    "name turned round": saved(torch.ones(1), "weight\u202egpj"),
    "name long": saved(torch.ones(1), "a" * 10_000),
    "name of another script": saved(torch.ones(1), "权重"),
    "NaN": saved(torch.tensor([1.0, NAN])),
    "infinity": saved(torch.tensor([[-INFINITE]])),
    "NaN in 16 bits": saved(torch.tensor([NAN], dtype=torch.bfloat16)),
    "infinity in 16 bits": saved(torch.tensor([INFINITE], dtype=torch.float16)),
    "too large for float32": saved(torch.tensor([1e300], dtype=torch.float64)),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=[name.replace(" ", "-") for name in HOSTILE])
def test_a_hostile_file_is_refused_in_a_sentence_and_nothing_of_it_stays(content, tmp_path, capsys):
    with pytest.raises((DataError, LimitError)) as refused:
        storage.store(content, tmp_path / "weights")
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert len(sentence) < 300
    assert sentence.isascii()
    assert sentence.isprintable()
    assert not list(tmp_path.rglob("*"))
    assert "executed" not in capsys.readouterr().out


def test_there_are_as_many_hostile_files_as_promised():
    assert len(HOSTILE) >= 60


def test_a_file_over_the_limit_is_refused_before_it_is_looked_at(monkeypatch, tmp_path):
    monkeypatch.setattr(header, "MOST_BYTES", 100)
    with pytest.raises(LimitError, match="larger than"):
        storage.store(b"\x80" * 101, tmp_path)
    monkeypatch.setattr(storage, "MOST_BYTES", 100)
    path = tmp_path / "large.safetensors"
    path.write_bytes(b"\x00" * 101)
    with pytest.raises(LimitError, match="larger than"):
        storage.store_file(path, tmp_path / "weights")


def test_a_full_folder_takes_nothing_more_but_what_it_has_already(monkeypatch, tmp_path):
    name = storage.store(GOOD, tmp_path)
    monkeypatch.setattr(storage, "MOST_BYTES_STORED", len(GOOD))
    assert storage.store(GOOD, tmp_path) == name
    with pytest.raises(LimitError, match="tidy"):
        storage.store(saved(torch.zeros(2)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.safetensors"]


@pytest.mark.parametrize("name", ["", "../lab", "/etc/passwd", "0" * 31, "0" * 33, "G" * 32, "0" * 32 + "\n"])
def test_what_is_no_id_finds_no_file(name, tmp_path):
    (tmp_path.parent / "lab.safetensors").write_bytes(GOOD)
    with pytest.raises(LabError, match="no file of weights"):
        storage.find(name, tmp_path)


def test_a_folder_or_a_pipe_is_no_file(tmp_path):

    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (tmp_path, tmp_path / "pipe.safetensors", tmp_path / "absent.safetensors"):
        with pytest.raises(LabError, match="no file"):
            storage.store_file(path, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_all_sizes_are_read_as_float32(dtype, tmp_path):
    content = safetensors.torch.save({"a": torch.tensor([[0.5, -2.0]], dtype=dtype), "n": torch.tensor(3)}, {"format": "pt"})
    path = storage.find(storage.store(content, tmp_path), tmp_path)
    assert path.read_bytes() == content
    tensors = storage.read_tensors(path.read_bytes())
    assert tensors["a"].dtype == torch.float32
    assert tensors["a"].tolist() == [[0.5, -2.0]]
    assert tensors["n"].dtype == torch.int64
    assert int(tensors["n"]) == 3
    assert header.read_header(path.read_bytes()).tensors["a"].shape == (1, 2)
