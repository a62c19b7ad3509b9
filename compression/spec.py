"""What a run is: frozen, validated, JSON-safe; the only thing that crosses to a worker."""

import copy
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from compression.catalog import Knob
from compression.data import DATASETS
from compression.data.load import train_images_knob
from compression.distillation import DISTILLATION
from compression.errors import SpecError
from compression.models import MODELS
from compression.recipe import RECIPE, default_recipe
from compression.steps import STEPS
from compression.texts import gettext as _

RUN_ID = re.compile(r"[a-z0-9]{6,32}")
ROLES = ("teacher", "baseline", "student", "original", "compressed")
MOST_SEEDS = 20
MOST_PARTS = 8
LARGEST_SEED = 2**31 - 1
DEVICES = re.compile(r"auto|cpu|cuda(:\d{1,2})?")

SEED = Knob("", low=0, high=LARGEST_SEED, kind="int")
WEIGHT = Knob("", low=0, high=1000, kind="float")
TOLERANCE = Knob(_("How much accuracy may be lost for the claim to hold"), low=0, high=1, step=0.005, kind="float", default=0.01)

STEP_DEFAULTS: list[dict[str, Any]] = [
    {"name": "prune", "criterion": "magnitude", "sparsity": 0.8, "granularity": "weight", "scope": "global"},
    {"name": "quantize", "bits": 4, "scheme": "symmetric", "group": "channel"},
    {"name": "finetune", "epochs": 5, "lr": 0.01, "loss": None},
]
DEFAULTS: dict[str, dict[str, Any]] = {
    "distill": {
        "dataset": {"name": "digits"},
        "teacher": {"name": "cnn", "width": 32},
        "student": {"name": "cnn", "width": 2},
        "loss": {"name": "kd"},
        "train": {},
        "teacher_train": None,
        "baseline": True,
        "seeds": [0, 1, 2, 3, 4],
    },
    "compress": {
        "dataset": {"name": "digits"},
        "model": {"name": "cnn", "width": 16},
        "train": {},
        "steps": STEP_DEFAULTS,
        "seeds": [0, 1, 2],
        "tolerance": 0.01,
    },
}


class _Spec:
    def to_json(self) -> dict[str, Any]:
        """Return the complete spec, JSON-safe; parsing it gives an equal spec."""
        return {"kind": self.kind, **copy.deepcopy(asdict(self))}

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the complete spec in canonical JSON."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class DistillSpec(_Spec):
    """Train a student with a teacher's help, and without it for comparison."""

    kind: ClassVar[str] = "distill"
    dataset: dict[str, Any]
    teacher: dict[str, Any]
    student: dict[str, Any]
    loss: dict[str, Any] | list[dict[str, Any]]
    train: dict[str, Any]
    teacher_train: dict[str, Any] | None
    baseline: bool
    seeds: list[int]


@dataclass(frozen=True)
class CompressSpec(_Spec):
    """Prune, quantize and fine-tune one network, step by step."""

    kind: ClassVar[str] = "compress"
    dataset: dict[str, Any]
    model: dict[str, Any]
    train: dict[str, Any]
    steps: list[dict[str, Any]]
    seeds: list[int]
    tolerance: float


Spec = DistillSpec | CompressSpec
KINDS: dict[str, type[DistillSpec] | type[CompressSpec]] = {"distill": DistillSpec, "compress": CompressSpec}


def parse(raw: Any) -> Spec:
    """Return the spec of a request, completed with the defaults.

    Raises:
        SpecError: an unknown or missing field, a wrong type, a value out of range, a number that is not finite.
    """
    if not isinstance(raw, Mapping):
        raise SpecError("", raw, _('allowed is a JSON object such as {"kind": "distill"}'))
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SpecError("kind", kind, _("allowed is one of {names}").format(names=", ".join(KINDS)))
    fields = {**DEFAULTS[kind], **{key: value for key, value in raw.items() if key != "kind"}}
    for key, value in fields.items():
        if key not in DEFAULTS[kind]:
            allowed = _("a {kind} spec has the fields {names}").format(kind=kind, names=", ".join(DEFAULTS[kind]))
            raise SpecError(key, value, allowed)
    checked = {key: CHECKS[key](value, key) for key, value in fields.items()}
    if checked.get("teacher_train") is not None:
        base = default_recipe(DATASETS[checked["dataset"]["name"]])
        checked["teacher_train"] = RECIPE.check({**base, **fields["teacher_train"]}, "teacher_train")
    return KINDS[kind](**checked)


def load_methods() -> None:
    """Import every method and what it is made with, so that neither a forked worker nor a first visitor waits for it."""
    import sklearn.datasets  # noqa: F401
    import torchvision  # noqa: F401

    for kind in KINDS:
        parse({"kind": kind})


def override(raw: Any, settings: Sequence[str]) -> dict[str, Any]:
    """Return a complete spec with some fields replaced, each given as `dotted.path=value`.

    A value is read as JSON, and as text where it is not JSON. Naming another method drops the settings of the old one.

    Raises:
        SpecError: the request is wrong, a setting has no `=`, or its path leads nowhere.
    """
    spec = parse(raw).to_json() if settings else dict(raw) if isinstance(raw, Mapping) else raw
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise SpecError("--set", setting, _("allowed is field=value, such as loss.temperature=8"))
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        _replace(spec, path, value)
    return parse(spec).to_json() if settings else spec


def _replace(spec: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    parent: Any = spec
    for key in parents:
        parent = _child(parent, key, path)
        if not isinstance(parent, (dict, list)):
            raise SpecError("--set", path, _("no such field"))
    if isinstance(parent, list):
        _child(parent, last, path)
        parent[int(last)] = value
    elif last == "name" and parents and parents[0] != "dataset":
        parent.clear()
        parent["name"] = value
    else:
        parent[last] = value


def _child(parent: Any, key: str, path: str) -> Any:
    if isinstance(parent, dict) and key in parent:
        return parent[key]
    if isinstance(parent, list) and key.isdigit() and int(key) < len(parent):
        return parent[int(key)]
    raise SpecError("--set", path, _("no such field"))


def check_device(device: Any) -> str:
    """Return a device's name.

    Raises:
        SpecError: not auto, cpu, cuda or cuda with a number.
    """
    if not isinstance(device, str) or not DEVICES.fullmatch(device):
        raise SpecError("device", device, _("allowed is auto, cpu, cuda or cuda:0"))
    return device


def check_run_id(value: Any, where: str) -> str:
    """Return a run's id.

    Raises:
        SpecError: it cannot be one, such as a path.
    """
    if not isinstance(value, str) or not RUN_ID.fullmatch(value):
        raise SpecError(where, value, _("allowed is the id of a run, as the Runs page and `runs list` show it"))
    return value


def _dataset(raw: Any, where: str) -> dict[str, Any]:
    entry = DATASETS.find(DATASETS.check(_only(raw, {"name"}), where)["name"], where)
    _refuse_unknown(raw, {"name", "train_images", "split_seed"}, where)
    images = raw.get("train_images")
    return {
        "name": entry.name,
        "train_images": None if images is None else train_images_knob(entry).check(images, f"{where}.train_images"),
        "split_seed": SEED.check(raw.get("split_seed", 0), f"{where}.split_seed"),
    }


def _only(raw: Any, names: set[str]) -> Any:
    return {key: value for key, value in raw.items() if key in names} if isinstance(raw, Mapping) else raw


def _refuse_unknown(raw: Mapping[str, Any], names: set[str], where: str) -> None:
    for key in raw:
        if key not in names:
            raise SpecError(f"{where}.{key}", raw[key], _("allowed fields are {names}").format(names=", ".join(sorted(names))))


def _model(raw: Any, where: str) -> dict[str, Any]:
    return MODELS.check(raw, where)


def _model_or_run(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or "run" not in raw:
        return _model(raw, where)
    _refuse_unknown(raw, {"run", "role", "seed"}, where)
    role = raw.get("role", "student")
    if role not in ROLES:
        raise SpecError(f"{where}.role", role, _("allowed is one of {names}").format(names=", ".join(ROLES)))
    seed = SEED.check(raw.get("seed", 0), f"{where}.seed")
    return {"run": check_run_id(raw["run"], f"{where}.run"), "role": role, "seed": seed}


def _loss(raw: Any, where: str) -> dict[str, Any] | list[dict[str, Any]]:
    if not isinstance(raw, (list, tuple)):
        return DISTILLATION.check(raw, where)
    parts = []
    for index, part in enumerate(_sized(raw, where)):
        place = f"{where}.{index}"
        weight = part.get("weight", 1.0) if isinstance(part, Mapping) else 1.0
        rest = {key: value for key, value in part.items() if key != "weight"} if isinstance(part, Mapping) else part
        parts.append({**DISTILLATION.check(rest, place), "weight": WEIGHT.check(weight, f"{place}.weight")})
    return parts


def _steps(raw: Any, where: str) -> list[dict[str, Any]]:
    return [STEPS.check(step, f"{where}.{index}") for index, step in enumerate(_sized(raw, where))]


def _sized(raw: Any, where: str) -> Sequence[Any]:
    if not isinstance(raw, (list, tuple)) or not 1 <= len(raw) <= MOST_PARTS:
        raise SpecError(where, raw, _("allowed is a list of 1 to {most} entries").format(most=MOST_PARTS))
    return raw


def _train(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise SpecError(where, raw, _("allowed is an object with training settings"))
    return RECIPE.check(raw, where)


def _flag(raw: Any, where: str) -> bool:
    return Knob("", kind="bool").check(raw, where)


def _seeds(raw: Any, where: str) -> list[int]:
    if not isinstance(raw, (list, tuple)) or not 1 <= len(raw) <= MOST_SEEDS:
        raise SpecError(where, raw, _("allowed is a list of 1 to {most} whole numbers").format(most=MOST_SEEDS))
    seeds = [SEED.check(seed, f"{where}.{index}") for index, seed in enumerate(raw)]
    if len(set(seeds)) < len(seeds):
        raise SpecError(where, raw, _("each seed is allowed once"))
    return seeds


CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "dataset": _dataset,
    "teacher": _model_or_run,
    "model": _model_or_run,
    "student": _model,
    "loss": _loss,
    "train": _train,
    "teacher_train": lambda raw, where: None if raw is None else _train(raw, where),
    "baseline": _flag,
    "seeds": _seeds,
    "steps": _steps,
    "tolerance": TOLERANCE.check,
}
