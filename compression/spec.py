"""What a run is: frozen, validated, JSON-safe; the only thing that crosses to a worker."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from compression.data import DATASETS
from compression.errors import SpecError
from compression.fields import (
    CHECKS,
    check_losses,
    check_part,
    check_scheme,
    check_task,
    fit_transfer,
    refuse_unused,
    unused_fields,
)
from compression.models import MODELS
from compression.recipe import RECIPE, default_recipe
from compression.schemes import OFFLINE, SCHEMES, roles, teacher_dataset, usual_fields
from compression.steps import STEPS
from compression.steps.possible import check_pipeline
from compression.texts import gettext as _

STEP_DEFAULTS: list[dict[str, Any]] = [
    {"name": "prune", "criterion": "magnitude", "sparsity": 0.8, "granularity": "weight", "scope": "global"},
    {"name": "quantize", "bits": 4, "scheme": "symmetric", "group": "channel"},
    {"name": "finetune", "epochs": 5, "lr": 0.01, "loss": None},
]
DEFAULTS: dict[str, dict[str, Any]] = {
    "distill": {
        "dataset": {"name": "digits"},
        "transfer": {},
        "teacher": {"name": "cnn", "width": 32},
        "student": {"name": "cnn", "width": 4},
        "loss": {"name": "kd"},
        "label_weight": None,
        "scheme": OFFLINE,
        "train": {"epochs": 40, "batch_size": 32, "lr": 0.2},
        "teacher_train": None,
        "baseline": True,
        "tune": None,
        "seeds": [0, 1, 2, 3, 4],
        "tolerance": 0.01,
    },
    "compress": {
        "dataset": {"name": "digits"},
        "model": {"name": "cnn", "width": 16},
        "train": {"epochs": 20},
        "steps": STEP_DEFAULTS,
        "seeds": [0, 1, 2],
        "tolerance": 0.01,
    },
}


# Fields that came after specs were stored and hashed: left out where they ask for nothing new.
LATER_FIELDS: dict[str, Any] = {"label_weight": None, "scheme": OFFLINE}


class _Spec:
    def to_json(self) -> dict[str, Any]:
        """Return the complete spec, JSON-safe; parsing it gives an equal spec."""
        fields = copy.deepcopy(asdict(self))
        return {"kind": self.kind, **{key: value for key, value in fields.items() if not _is_neutral(key, value)}}

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the complete spec in canonical JSON."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _is_neutral(key: str, value: Any) -> bool:
    return key in LATER_FIELDS and value == LATER_FIELDS[key]


@dataclass(frozen=True)
class DistillSpec(_Spec):
    """Train a student with a teacher's help, and without it for comparison.

    Attributes:
        loss: None where the scheme has a loss of its own.
        transfer: what student and baseline learn from: `images`, how many of the training images, or None for all; and
            `classes`, of which classes, where it is not all.
        label_weight: what the labels weigh beside a list of losses; None for what the losses' shares leave, or 1.
        scheme: how teachers and students are arranged.
        tune: `lr`, the learning rates from which each role picks its own before the seeds run, or None.
        tolerance: how much accuracy the student may lose against the teacher for the second claim.
    """

    kind: ClassVar[str] = "distill"
    dataset: dict[str, Any]
    transfer: dict[str, Any]
    teacher: dict[str, Any]
    student: dict[str, Any]
    loss: dict[str, Any] | list[dict[str, Any]] | None
    label_weight: float | None
    scheme: dict[str, Any]
    train: dict[str, Any]
    teacher_train: dict[str, Any] | None
    baseline: bool
    tune: dict[str, Any] | None
    seeds: list[int]
    tolerance: float


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
    usual = usual_fields(raw.get("scheme")) if kind == DistillSpec.kind else {}
    fields = {**DEFAULTS[kind], **usual, **{key: value for key, value in raw.items() if key != "kind"}}
    for key, value in fields.items():
        if key not in DEFAULTS[kind]:
            allowed = _("a {kind} spec has the fields {names}").format(kind=kind, names=", ".join(DEFAULTS[kind]))
            raise SpecError(key, value, allowed)
    if isinstance(fields["train"], Mapping):
        fields["train"] = {**DEFAULTS[kind]["train"], **fields["train"]}
    unused = unused_fields(fields["scheme"]) if "scheme" in fields else {}
    for key, value in raw.items():
        refuse_unused(fields.get("scheme"), key, value)
    checked = {key: None if key in unused else CHECKS[key](value, key) for key, value in fields.items()}
    if "transfer" in checked:
        checked["transfer"] = fit_transfer(checked["transfer"], checked["dataset"])
    if checked.get("teacher_train") is not None:
        base = default_recipe(DATASETS[teacher_dataset(SimpleNamespace(**checked))["name"]])
        checked["teacher_train"] = RECIPE.check({**base, **fields["teacher_train"]}, "teacher_train")
        if (own := fields["teacher_train"].get("precision")) is not None:
            raise SpecError("teacher_train.precision", own, _("allowed is train.precision, for all networks of a run"))
    if kind == DistillSpec.kind:
        check_task(SimpleNamespace(**checked))
    check_losses(checked)
    if "steps" in checked and "run" not in checked["model"]:
        check_pipeline(checked["steps"], checked["model"], checked["dataset"]["name"])
    spec = KINDS[kind](**checked)
    if isinstance(spec, DistillSpec):
        roles(spec)  # a scheme that cannot work with these networks says so
        check_part(spec, spec.dataset["name"])
    return spec


def load_methods() -> None:
    """Import every method, so that neither a forked worker nor a first visitor waits for it."""
    for kind in KINDS:
        parse({"kind": kind})


def libraries(raw: Mapping[str, Any]) -> set[str]:
    """Return the libraries, beside torch, that a spec's dataset and networks are made with: the trait `library` of each."""
    wanted = [
        (DATASETS, raw.get("dataset")),
        (DATASETS, _teachers_data(raw)),
        *((MODELS, raw.get(role)) for role in ("teacher", "student", "model")),
    ]
    named = [(registry, part.get("name")) for registry, part in wanted if isinstance(part, Mapping)]
    traits = [registry[name].traits for registry, name in named if isinstance(name, str) and name in registry]
    return {found["library"] for found in traits if "library" in found}


def _teachers_data(raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the dataset that a scheme's knob names for the teacher, as a choice; None where there is none."""
    scheme = raw.get("scheme")
    name = scheme.get("name") if isinstance(scheme, Mapping) else scheme
    if not isinstance(name, str) or name not in SCHEMES or (knob := SCHEMES[name].traits.get("teacher_dataset")) is None:
        return None
    return {"name": (scheme if isinstance(scheme, Mapping) else {}).get(knob, SCHEMES[name].knobs[knob].default)}


def override(raw: Any, settings: Sequence[str]) -> dict[str, Any]:
    """Return a complete spec with some fields replaced, each given as `dotted.path=value`.

    A value is read as JSON, and as text where it is not JSON. Naming another method drops the settings of the old one, and
    naming another scheme those that either of the two has no use for.

    Raises:
        SpecError: the request is wrong, a setting has no `=`, or its path leads nowhere.
    """
    if not settings:
        return dict(raw) if isinstance(raw, Mapping) else raw
    before = parse(raw)
    spec, parted = {**copy.deepcopy(LATER_FIELDS), **before.to_json()}, [_parted(setting) for setting in settings]
    spec = {field: value for field, value in spec.items() if field in ("kind", *DEFAULTS[before.kind])}
    for path, value in sorted(parted, key=lambda setting: setting[0].split(".")[0] != "scheme"):
        if path.split(".")[0] == "scheme" and isinstance(before, DistillSpec):
            _replace(spec, path, value)
            spec |= _changed_uses(before.scheme, spec["scheme"])
        else:
            refuse_unused(spec.get("scheme"), path, value)
            _replace(spec, path, value)
    return parse(spec).to_json()


def _changed_uses(old: Any, new: Any) -> dict[str, Any]:
    """Return the fields that one of two schemes has no use for, as the new one begins with them; none for the same scheme."""
    before, now = (check_scheme(scheme)["name"] for scheme in (old, new))
    unused = unused_fields(new)
    usual = {**copy.deepcopy(DEFAULTS["distill"]), **usual_fields(now)}
    other = {*unused, *unused_fields(old), *usual_fields(now), *usual_fields(before)}
    fields = other & DEFAULTS["distill"].keys() if before != now else set()
    return {field: None if field in unused else usual[field] for field in fields}


def _parted(setting: str) -> tuple[str, Any]:
    """Return the path and the value of `dotted.path=value`."""
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise SpecError("--set", setting, _("allowed is field=value, such as loss.temperature=8"))
    try:
        return path, json.loads(text)
    except json.JSONDecodeError:
        return path, text


def _replace(spec: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    parent: Any = spec
    for key in parents:
        child = _child(parent, key, path)
        if isinstance(child, str):
            # A method that stands as its bare name gets settings.
            child = parent[int(key) if isinstance(parent, list) else key] = {"name": child}
        parent = child
        if not isinstance(parent, (dict, list)):
            raise SpecError("--set", path, _("no such field"))
    if isinstance(parent, list):
        _child(parent, last, path)
        parent[int(last)] = value
    elif last == "name" and parents and parents[0] != "dataset":
        # In a list of losses the weight belongs to the list.
        kept = {"weight": parent["weight"]} if parents[0] == "loss" and "weight" in parent else {}
        parent.clear()
        parent.update({"name": value, **kept})
    else:
        if parent.get(last) != value:
            _drop_settings(parent, last, value)
        parent[last] = value


def _drop_settings(step: dict[str, Any], choice: str, value: Any) -> None:
    """Remove the settings of the method that a step has chosen, where they stand beside the choice, and what a new one, the
    value, has no use for.
    """
    entry = STEPS[step["name"]] if step.get("name") in STEPS else None
    if not entry or choice not in entry.knobs or not entry.knobs[choice].beside:
        return
    name, registry = value.get("name") if isinstance(value, Mapping) else value, entry.knobs[choice].registry
    new = registry[name].knobs if isinstance(name, str) and name in registry else {}
    for setting in step.keys() - {"name", choice}:
        if setting not in entry.knobs or (setting in new and not new[setting].contains(step[setting])):
            del step[setting]


def _child(parent: Any, key: str, path: str) -> Any:
    if isinstance(parent, dict) and key in parent:
        return parent[key]
    if isinstance(parent, list) and key.isdigit() and int(key) < len(parent):
        return parent[int(key)]
    raise SpecError("--set", path, _("no such field"))
