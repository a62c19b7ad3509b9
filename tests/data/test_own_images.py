"""Own images: read from folders, zips and npz alike, decoded once, known by what is in them."""

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from compression import networks
from compression.commands.foreground import run_raw
from compression.data import DATASETS
from compression.data.load import load_present, most_train_images, validation_images
from compression.data.own import bring as bringing
from compression.data.own import stored
from compression.data.own.bring import LEAKED, NO_TEST, bring
from compression.data.own.folders import NO_CLASS, NO_PART, UNKNOWN_CLASS
from compression.data.own.request import with_paths_brought_in
from compression.data.own.told import counts, left_out, notes, resized
from compression.errors import DataError, SpecError
from compression.spec import parse
from tests.data.own_files import A_CLASS, SIDE, good, images, labels, npz, picture, zipped

CIFAR = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10-8k2k.zip"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def brought(content: bytes, **settings):
    return bring(io.BytesIO(content), "pets", **settings)


def written(root: Path, files) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def read(own):
    return load_present({"name": own.name, "train_images": None, "split_seed": 0}, Path())


def in_parts(train="train", test="test"):
    return {f"{train}/{name}": content for name, content in good().items()} | {
        f"{test}/{name}/{place}.png": picture(1000 + 10 * number + place)
        for number, name in enumerate(("cat", "dog"))
        for place in range(6)
    }


def test_a_folder_a_zip_and_an_npz_of_the_same_images_give_the_same_images(tmp_path: Path) -> None:
    pixels = numpy.stack([numpy.asarray(Image.open(io.BytesIO(content))) for _name, content in sorted(good().items())])
    sources = [
        bring(written(tmp_path / "pets", good()), "pets"),
        brought(zipped(good())),
        brought(npz(images=pixels, labels=numpy.repeat(["cat", "dog"], A_CLASS))),
    ]
    first, *others = [DATASETS[own.name].function(Path()) for own in sources]
    for other in others:
        assert all(torch.equal(getattr(first, part), getattr(other, part)) for part in stored.PARTS)
    assert len({own.name for own in sources}) == 3
    assert [own.facts["class_names"] for own in sources] == [["cat", "dog"]] * 3


def test_each_image_keeps_its_class_and_its_pixels() -> None:
    arrays = DATASETS[brought(zipped(in_parts())).name].function(Path())
    number = {picture(place): place // A_CLASS for place in range(2 * A_CLASS)}
    expected = {numpy.asarray(Image.open(io.BytesIO(content))).tobytes(): label for content, label in number.items()}
    found = zip(arrays.train_inputs.numpy(), arrays.train_labels.tolist(), strict=True)
    assert {image.tobytes(): label for image, label in found} == expected
    assert arrays.test_labels.tolist() == [0] * 6 + [1] * 6


def test_traits_come_from_the_images_and_the_split_is_as_for_every_dataset() -> None:
    own = brought(zipped(in_parts()))
    entry, data = DATASETS[own.name], read(own)
    assert (entry.traits["shape"], entry.traits["classes"], entry.traits["images"]) == ((1, SIDE, SIDE), 2, 80)
    assert (len(data.train), len(data.validation), len(data.test)) == (64, 16, 12)
    assert (most_train_images(entry), validation_images(entry)) == (64, 16)
    assert torch.bincount(data.validation.labels).tolist() == [8, 8]
    assert data.class_names == ("cat", "dog")
    normal = data.normalize(data.train.inputs)
    assert abs(float(normal.mean())) < 1e-4
    assert abs(float(normal.std()) - 1) < 1e-3


def test_unequal_classes_leave_as_many_images_as_is_said() -> None:
    files = {f"{name}/{place}.png": picture(100 * number + place) for number, name in enumerate("abcdefg") for place in range(17)}
    entry = DATASETS[(own := brought(zipped(files))).name]
    data = read(own)
    assert (len(data.train), len(data.validation)) == (most_train_images(entry), validation_images(entry))


def test_without_a_test_part_a_fifth_of_each_class_is_kept_for_it() -> None:
    own = brought(zipped(good()))
    assert (own.facts["train"], own.facts["test"], own.facts["notes"]) == ([32, 32], [8, 8], [NO_TEST])
    assert "a fifth of each class" in notes(own.facts)[0]


@pytest.mark.parametrize(
    "names", [("train", "test"), ("Training", "TESTING"), ("pets/train", "pets/test"), ("a/b/train", "a/b/test")]
)
def test_parts_are_found_by_their_usual_names_and_within_outer_folders(names: tuple[str, str]) -> None:
    own = brought(zipped(in_parts(*names)))
    assert (own.facts["train"], own.facts["test"], own.facts["class_names"]) == ([40, 40], [6, 6], ["cat", "dog"])


def test_a_part_for_validation_counts_as_training_images_and_is_said() -> None:
    own = brought(zipped(in_parts(test="val")))
    assert sum(own.facts["train"]) + sum(own.facts["test"]) == 92
    assert any("validation" in note for note in notes(own.facts))
    arrays = brought(
        npz(x_train=images(), y_train=labels(), x_val=images(10), y_val=labels(10), x_test=images(8), y_test=labels(8))
    )
    assert (sum(arrays.facts["train"]), sum(arrays.facts["test"])) == (90, 8)


def test_what_lies_outside_of_parts_and_classes_is_left_out_and_said() -> None:
    more = {
        "train/loose.png": picture(5),
        "extra/cat/1.png": picture(6),
        "test/bird/1.png": picture(7),
        "train/cat/.DS_Store": b"x",
    }
    own = brought(zipped(in_parts() | more))
    assert {(reason, count) for reason, count, _first in own.facts["skipped"]} >= {
        (NO_CLASS, 1),
        (NO_PART, 1),
        (UNKNOWN_CLASS, 1),
    }
    assert len(left_out(own.facts)) == 4


def test_a_test_image_that_is_a_training_image_is_said() -> None:
    own = brought(zipped(in_parts() | {"test/cat/known.png": picture(0)}))
    assert own.facts["notes"] == [LEAKED]


@pytest.mark.parametrize(
    ("kind", "mode", "size", "shape"),
    [
        ("PNG", "L", (8, 8), [1, 8, 8]),
        ("PNG", "RGBA", (8, 8), [3, 8, 8]),
        ("JPEG", "RGB", (28, 28), [3, 28, 28]),
        ("WEBP", "RGB", (40, 30), [3, 32, 32]),
        ("BMP", "RGB", (5, 5), [3, 32, 32]),
        ("GIF", "L", (65, 65), [1, 32, 32]),
        ("PNG", "L", (90, 20), [1, 32, 32]),
    ],
)
def test_every_size_and_colour_is_brought_to_one(kind: str, mode: str, size: tuple[int, int], shape: list[int]) -> None:
    files = {
        f"{name}/{place}": picture(place + 50 * (name == "b"), kind, mode, size) for name in "ab" for place in range(A_CLASS)
    }
    own = brought(zipped(files))
    assert own.facts["shape"] == shape
    assert f"{shape[1]} × {shape[2]} pixels" in resized(own.facts).replace("\N{NO-BREAK SPACE}", " ")
    assert ("as they came" in resized(own.facts)) == (list(size) == shape[1:])


def test_sizes_and_colours_can_be_asked_for_and_are_others_to_the_lab() -> None:
    found = [
        brought(zipped(good()), size=size, colour=colour) for size, colour in ((16, "auto"), (28, "colour"), ("auto", "grey"))
    ]
    assert [own.facts["shape"] for own in found] == [[1, 16, 16], [3, 28, 28], [1, 8, 8]]
    assert len({own.name for own in found}) == 3
    with pytest.raises(SpecError, match=r"dataset.size: 7 is not allowed; allowed is one of auto, 8"):
        brought(zipped(good()), size=7)


def test_an_image_is_cropped_to_its_centre_square_upright_and_on_white() -> None:
    wide = Image.new("RGBA", (24, 8), (255, 0, 0, 255))
    wide.paste((0, 0, 255, 255), (8, 0, 16, 8))
    wide.paste((0, 0, 0, 0), (8, 0, 16, 4))  # the upper half of the centre is transparent
    held = io.BytesIO()
    wide.save(held, "PNG")
    arrays = DATASETS[brought(zipped(good() | {"cat/0.png": held.getvalue()}), size=8, colour="colour").name].function(Path())
    centre = numpy.zeros((3, 8, 8), numpy.uint8)
    centre[2, 4:], centre[:, :4] = 255, 255
    every = torch.cat([arrays.train_inputs, arrays.test_inputs]).numpy()
    assert any(numpy.array_equal(image, centre) for image in every)


def test_sixteen_bits_become_eight() -> None:
    deep = Image.fromarray(numpy.full((8, 8), 0x80FF, numpy.uint16))
    held = io.BytesIO()
    deep.save(held, "PNG")
    arrays = DATASETS[brought(zipped(good() | {"cat/0.png": held.getvalue()})).name].function(Path())
    every = torch.cat([arrays.train_inputs, arrays.test_inputs]).flatten(1)
    assert any(bool((image == 0x80).all()) for image in every)


@pytest.mark.parametrize(
    ("given", "shape", "factor"),
    [
        (images(80, 9, 9), [1, 9, 9], 1),
        (images(80, 9, 9, 3), [3, 9, 9], 1),
        (images(80, 3, 9, 9), [3, 9, 9], 1),
        (images(80, 1, 9, 9), [1, 9, 9], 1),
        (images(80, 9, 9) / 255, [1, 9, 9], 255),
        (images(80, 9, 9).astype(">i4"), [1, 9, 9], 1),
        (numpy.asfortranarray(images(80, 9, 9)), [1, 9, 9], 1),
        (images(80, 9, 9) > 127, [1, 9, 9], 255),
    ],
)
def test_arrays_may_be_of_any_usual_kind(given: numpy.ndarray, shape: list[int], factor: int) -> None:
    own = brought(npz(x_train=given, y_train=labels()[:, None], x_test=given[:8], y_test=labels(8)))
    assert own.facts["shape"] == shape
    first = given[:8] if given.ndim == 3 or given.shape[1] == shape[0] else given[:8].transpose(0, 3, 1, 2)
    expected = torch.from_numpy((first.reshape(8, *shape) * float(factor)).round().astype(numpy.uint8))
    assert torch.equal(DATASETS[own.name].function(Path()).test_inputs, expected)


def test_arrays_name_their_classes() -> None:
    named = npz(images=images(), labels=labels() + 1, class_names=numpy.array(["none", "猫", "dog"]))
    assert brought(named).facts["class_names"] == ["猫", "dog"]


def test_numbers_are_sorted_by_what_they_count() -> None:
    files = {f"{name}/{place}.png": picture(name * 100 + place) for name in (10, 9, 2) for place in range(A_CLASS)}
    assert brought(zipped(files)).facts["class_names"] == ["2", "9", "10"]


def test_the_same_files_are_decoded_once_and_other_files_of_the_same_path_are_other_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "pets", good())
    first = bring(folder, "pets")
    with monkeypatch.context() as patch:
        patch.setattr(bringing.pictures, "decode", None)
        assert bring(folder, "pets").name == first.name
    (folder / "cat" / "0.png").write_bytes(picture(999))
    assert bring(folder, "pets").name != first.name


def test_a_damaged_copy_is_never_used(home: Path) -> None:
    own = brought(zipped(good()))
    path = stored.path_of(own.name)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="The stored images of pets are gone or damaged"):
        read(own)
    assert brought(zipped(good())).name == own.name
    read(own)


def test_a_network_of_other_images_does_not_fit() -> None:
    own, other = brought(zipped(good())), brought(zipped(good() | {"cat/0.png": picture(999)}))
    facts = networks.facts_of({"name": "cnn", "width": 1}, read(own))
    networks._check_fit(facts, "it", own.name, tuple(facts["shape"]), 2, 0)
    with pytest.raises(DataError, match="does not fit"):
        networks._check_fit(facts, "it", other.name, tuple(facts["shape"]), 2, 0)
    recipe, architecture = {"epochs": 1}, {"name": "cnn", "width": 1}
    keys = {networks.cache_key({"name": one.name}, architecture, recipe, 0) for one in (own, other)}
    assert len(keys) == 2


@pytest.mark.parametrize("kind", ["distill", "compress"])
def test_a_request_names_them_by_path_and_is_a_spec_that_names_them_by_content(tmp_path: Path, kind: str) -> None:
    folder = written(tmp_path / "pets", good())
    chosen = {"name": "folder", "path": str(folder), "size": 16, "split_seed": 3}
    raw, changes, own = with_paths_brought_in({"kind": kind, "dataset": chosen}, ["train.epochs=1"])
    assert changes == ["train.epochs=1"]
    assert raw["dataset"] == {"name": own.name, "split_seed": 3}
    spec = parse(raw)
    assert parse(spec.to_json()) == spec
    assert spec.dataset == {"name": own.name, "train_images": None, "split_seed": 3}
    assert DATASETS[own.name].traits["shape"] == (1, 16, 16)
    swept, _changes, _own = with_paths_brought_in({"base": raw | {"dataset": chosen}, "over": {}})
    assert swept["base"]["dataset"] == raw["dataset"]


def test_changes_of_a_request_name_a_path_too_and_it_is_looked_for_under_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_DATA", str(tmp_path))
    written(tmp_path / "pets", good())
    raw, changes, own = with_paths_brought_in({"kind": "distill"}, ["dataset.name=folder", "dataset.path=pets", "tolerance=0"])
    assert (raw["dataset"], changes) == ({"name": own.name}, ["tolerance=0"])
    assert own.facts["title"] == "pets"
    assert with_paths_brought_in({"kind": "distill"}, ["dataset.name=mnist"]) == (
        {"kind": "distill"},
        ["dataset.name=mnist"],
        None,
    )


def test_the_command_line_says_what_came_and_each_run_of_a_card_has_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "pets", good() | {"cat/notes.txt": b"words"})
    changes = ["dataset.name=folder", f"dataset.path={folder}", "tolerance=7"]
    request = argparse.Namespace(settings=[*changes], time_limit=None, device="cpu", reuse=False)
    with pytest.raises(SpecError, match="tolerance: 7 is not allowed"):
        run_raw({"kind": "distill"}, request, "")
    assert request.settings == changes
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("2 classes, 64 training images, of which 12 are for validation, 16 test images; 8")
    assert said[-1] == "1 file, cat/notes.txt: no image in a format that is read: PNG, JPEG, WebP, BMP, GIF"


def test_a_spec_itself_never_reads_a_path(tmp_path: Path) -> None:
    folder = written(tmp_path / "pets", good())
    with pytest.raises(SpecError, match="a path is read on the command line alone"):
        parse({"kind": "distill", "dataset": {"name": "folder", "path": str(folder)}})
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(not CIFAR.exists(), reason="needs the CIFAR-10 images of the shared data folder")
def test_real_photographs_are_known_by_their_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(CIFAR) as archive:
        few = [name for name in archive.namelist() if name.endswith("1.jpg")][:400]
        own = brought(zipped({name: archive.read(name) for name in few}))
    assert own.facts["shape"] == [3, 32, 32]
    assert set(own.facts["class_names"]) <= {
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    }
    assert counts(own.facts).endswith("test images")
    assert json.loads(json.dumps(own.facts)) == own.facts
