"""Published weights: downloaded once from a server of this test, compared with their hash, stored, and what goes wrong."""

import errno
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision

from compression import given, settings
from compression.cli import main
from compression.errors import DataError, LabError
from compression.models import MODELS
from compression.networks import Workspace
from compression.own_weights import published, storage
from tests.own_weights.published_server import MEAN, STD, publishing, saved

CIFAR = {"name": "cifar10", "split_seed": 0}
ran: list[str] = []


class Harmful:
    """What a pickle would call if it were believed."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return ran.append, ("ran",)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return MODELS["cnn"].function((3, 32, 32), 1000, width=2).state_dict()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A server of one file, which torchvision is said to publish for the network `cnn`."""
    with publishing(monkeypatch) as serving:
        yield serving


def download(folder: Path) -> str:
    steps = published.download("cnn", folder)
    while True:
        try:
            assert re.fullmatch(r"Downloading cnn[-\w]*\.pth from 127\.0\.0\.1: \d+ of \d+ MB", next(steps))
        except StopIteration as done:
            return done.value


def test_a_published_file_is_downloaded_once_and_fills_its_network(
    server: SimpleNamespace, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    server.publish(saved(state))
    where = Workspace(tmp_path, tmp_path / "models", tmp_path / "runs")
    assert published.find_stored("cnn", where.weights) is None
    assert not server.asked
    name = download(where.weights)
    assert download(where.weights) == published.find_stored("cnn", where.weights) == name
    assert server.asked == [f"/models/{server.url.rpartition('/')[2]}"]
    tensors = storage.read_tensors(storage.find(name, where.weights).read_bytes())
    assert tensors.keys() == state.keys()
    assert all(torch.equal(tensors[key], state[key]) for key in state)
    choice = {"name": "cnn", "width": 2, "weights": name}
    said, filled = given.fitted({**choice, "new_classifier": True}, CIFAR, where)
    assert said.mean == pytest.approx([255 * number for number in MEAN])
    assert said.std == pytest.approx([255 * number for number in STD])
    assert said.architecture == {"name": "cnn", "width": 16}
    assert filled.left_out == 2
    with pytest.raises(DataError, match=r"other classes apart \(tench, goldfish, shark\): ask for a new classifier"):
        given.fitted(choice, CIFAR, where)
    assert download(tmp_path / "another lab") == name, "the id depends on the published file alone"


def test_a_stored_file_that_is_gone_is_downloaded_again(server: SimpleNamespace, tmp_path: Path) -> None:
    server.publish(saved({"a": torch.ones(2)}))
    name = download(tmp_path)
    storage.find(name, tmp_path).unlink()
    assert published.find_stored("cnn", tmp_path) is None
    assert download(tmp_path) == name
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (saved(Harmful()), "does not hold the tensors of a network alone"),
        (saved({"a": torch.ones(2), "b": Harmful()}), "does not hold the tensors of a network alone"),
        (saved(torch.ones(2)), "does not hold the tensors of a network alone"),
        (saved({"a": 3}), "does not hold the tensors of a network alone"),
        (saved({}), "does not hold the tensors of a network alone"),
        (b"<html>", "does not hold the tensors of a network alone"),
        (b"", "does not hold the tensors of a network alone"),
        (saved({"a": torch.tensor([float("nan")])}), "a has numbers that are NaN"),
    ],
)
def test_a_file_with_the_right_hash_and_other_contents_is_refused(
    content: bytes, sentence: str, server: SimpleNamespace, tmp_path: Path
) -> None:
    server.publish(content)
    with pytest.raises(DataError, match=sentence):
        download(tmp_path)
    assert not ran
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def wrong_hash(server: SimpleNamespace, _patch: pytest.MonkeyPatch) -> None:
    server.publish(saved({"a": torch.ones(2)}), name="cnn-00000000.pth")


def no_hash(server: SimpleNamespace, _patch: pytest.MonkeyPatch) -> None:
    server.publish(saved({"a": torch.ones(2)}), name="cnn.pth")


def not_there(server: SimpleNamespace, _patch: pytest.MonkeyPatch) -> None:
    server.status = 404


def no_network(server: SimpleNamespace, _patch: pytest.MonkeyPatch) -> None:
    server.url = "http://127.0.0.1:1/models/cnn-00000000.pth"


def broken_off(server: SimpleNamespace, _patch: pytest.MonkeyPatch) -> None:
    server.told, server.content = len(server.content), server.content[:-10]


def too_large(_server: SimpleNamespace, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(published, "MOST_BYTES", 100)


def disk_full(_server: SimpleNamespace, patch: pytest.MonkeyPatch) -> None:
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(Path, "write_bytes", half)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (wrong_hash, "its SHA-256 does not begin as its name says"),
        (no_hash, "its SHA-256 does not begin as its name says"),
        (not_there, r"could not be downloaded: 127\.0\.0\.1 answers 404 Not Found"),
        (no_network, "connect this machine to the network and try again"),
        (broken_off, "connect this machine to the network and try again"),
        (too_large, "is larger than the 0 MB that are allowed"),
        (disk_full, "The disk is full"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_leaves_nothing_behind(
    fault: Callable[..., None], sentence: str, server: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish(saved({"a": torch.ones(2)}))
    fault(server, monkeypatch)
    with pytest.raises(LabError, match=sentence) as told:
        download(tmp_path)
    assert str(told.value).count(". ") == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert published.find_stored("cnn", tmp_path) is None


def test_the_command_line_lists_without_a_network_and_downloads_when_asked(
    server: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    server.publish(saved({"a": torch.ones(2)}))
    assert main(["weights"]) == 0
    assert "not downloaded" in capsys.readouterr().out
    assert not server.asked
    assert main(["weights", "cnn"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told == {"name": "cnn", "width": 16, "weights": told["weights"], "new_classifier": True}
    assert storage.find(told["weights"], settings.weights_folder()).is_file()
    assert server.url in err
    assert "licence" in err
    assert main(["weights"]) == 0
    assert f"here as {told['weights']}" in capsys.readouterr().out
    assert main(["weights", "mlp"]) == 2
    assert "No ImageNet weights are published for mlp" in capsys.readouterr().err
    server.publish(saved({"a": torch.ones(2)}), name="cnn-00000000.pth")
    assert main(["weights", "cnn"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", published.names())
def test_what_the_zoo_says_of_published_weights_is_what_torchvision_says(name: str) -> None:
    weights = torchvision.models.get_weight(MODELS[name].traits["imagenet"]["weights"])
    source = published.source_of(name)
    assert source.url == weights.url
    assert source.url.startswith("https://download.pytorch.org/models/")
    assert published.HASH.search(source.name)
    assert MODELS[name].traits["imagenet"]["megabytes"] == round(weights.meta["_file_size"] * 2**20 / 1e6)
    assert source.metadata["mean"] == pytest.approx([123.675, 116.28, 103.53])
    assert source.metadata["std"] == pytest.approx([58.395, 57.12, 57.375])
    with torch.device("meta"):
        model = MODELS[name].function((3, published.SIDE, published.SIDE), len(source.metadata["class_names"]))
    assert sum(parameter.numel() for parameter in model.parameters()) == weights.meta["num_params"]
