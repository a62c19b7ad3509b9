"""How each field of a spec is checked: every function takes what was given and where it stood, and returns it complete."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from compression.catalog import Entry, Knob
from compression.data import DATASETS
from compression.data.load import train_images_knob
from compression.distillation import DISTILLATION
from compression.errors import SpecError
from compression.inheritance import check_inheritance
from compression.models import MODELS, NEW_CLASSIFIER, WEIGHTS, WEIGHTS_ID, architecture_of
from compression.objective import build_objective, check_comparison
from compression.recipe import RECIPE
from compression.roles import TITLES, parted
from compression.schemes import SCHEMES, Asked, learns_elsewhere, role_titles, teacher_dataset
from compression.steps import STEPS
from compression.texts import gettext as _

RUN_ID = re.compile(r"[a-z0-9]{6,32}")
MOST_SEEDS = 20
MOST_PARTS = 8
LARGEST_SEED = 2**31 - 1
DEVICES = re.compile(r"auto|cpu|cuda(:\d{1,2})?")

SEED = Knob("", low=0, high=LARGEST_SEED, kind="int")
WEIGHT = Knob(_("What this loss counts in the sum"), name="weight", low=0, high=1000, step=0.1, kind="float", default=1.0)
LABEL_WEIGHT = replace(WEIGHT, name="label_weight", help=_("What the labels count beside the losses; empty: what they leave"))
TOLERANCE = Knob(_("How much accuracy may be lost for the claim to hold"), low=0, high=1, step=0.005, kind="float", default=0.01)


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


def _transfer(raw: Any, where: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise SpecError(where, raw, _('allowed is an object such as {"images": 200}'))
    _refuse_unknown(raw, {"images", "classes"}, where)
    return dict(raw)


def fit_transfer(transfer: dict[str, Any], dataset: dict[str, Any]) -> dict[str, Any]:
    """Return the transfer set of a dataset: at most the images that the teacher has, of some classes or, without, of all."""
    entry, most = DATASETS[dataset["name"]], dataset["train_images"]
    classes = _classes(transfer.get("classes"), entry)
    if "images" not in transfer:
        usual = entry.traits["transfer_images"]
        return {"images": usual if most is None or usual is None else min(usual, most), **classes}
    images = transfer["images"]
    if images is None:
        return {"images": None, **classes}
    knob = train_images_knob(entry)
    return {"images": replace(knob, high=most or knob.high, help="").check(images, "transfer.images"), **classes}


def _classes(given: Any, entry: Entry) -> dict[str, list[int]]:
    """Return the classes of a transfer set in order; nothing where it has all, so that such a spec stays as it was."""
    if given is None:
        return {}
    count, where = entry.traits["classes"], "transfer.classes"
    known = Knob("", low=0, high=count - 1, kind="int")
    chosen = sorted({known.check(one, f"{where}.{index}") for index, one in enumerate(_sized(given, where, most=count))})
    return {} if len(chosen) == count else {"classes": chosen}


def _tune(raw: Any, where: str) -> dict[str, Any] | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or "lr" not in raw:
        raise SpecError(where, raw, _('allowed is null or an object such as {"lr": [0.05, 0.1, 0.2, 0.4]}'))
    _refuse_unknown(raw, {"lr"}, where)
    rates = [RECIPE.knobs["lr"].check(rate, f"{where}.lr.{index}") for index, rate in enumerate(_sized(raw["lr"], f"{where}.lr"))]
    if len(set(rates)) < len(rates):
        raise SpecError(f"{where}.lr", raw["lr"], _("each learning rate is allowed once"))
    return {"lr": rates}


def _only(raw: Any, names: set[str]) -> Any:
    return {key: value for key, value in raw.items() if key in names} if isinstance(raw, Mapping) else raw


def _refuse_unknown(raw: Mapping[str, Any], names: set[str], where: str) -> None:
    for key in raw:
        if key not in names:
            raise SpecError(f"{where}.{key}", raw[key], _("allowed fields are {names}").format(names=", ".join(sorted(names))))


def _model(raw: Any, where: str) -> dict[str, Any]:
    return MODELS.check(raw, where)


def _model_or_run(raw: Any, where: str) -> dict[str, Any]:
    if isinstance(raw, Mapping) and WEIGHTS in raw:
        return _model_of_file(raw, where)
    if not isinstance(raw, Mapping) or "run" not in raw:
        return _model(raw, where)
    _refuse_unknown(raw, {"run", "role", "seed"}, where)
    role = raw.get("role", "student")
    stems = {*TITLES, *(stem for name in SCHEMES for stem in role_titles(name))}
    if not isinstance(role, str) or not {role, parted(role)[0]} & stems:
        raise SpecError(f"{where}.role", role, _("allowed is one of {names}").format(names=", ".join(sorted(stems))))
    seed = SEED.check(raw.get("seed", 0), f"{where}.seed")
    return {"run": check_run_id(raw["run"], f"{where}.run"), "role": role, "seed": seed}


def _model_of_file(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return an architecture with the file that its weights come from, and whether its classifier is a new one."""
    given, new = raw[WEIGHTS], _flag(raw.get(NEW_CLASSIFIER, False), f"{where}.{NEW_CLASSIFIER}")
    if not isinstance(given, str) or not WEIGHTS_ID.fullmatch(given):
        allowed = _("allowed is the id of a file of weights that this lab stores, or, on the command line, its path")
        raise SpecError(f"{where}.{WEIGHTS}", given, allowed)
    return {**_model(architecture_of(raw), where), WEIGHTS: given, **({NEW_CLASSIFIER: True} if new else {})}


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


def check_scheme(raw: Any, where: str = "scheme") -> dict[str, Any]:
    """Return a scheme complete with its knobs; a bare name stands for their defaults.

    Raises:
        SpecError: there is no such scheme, or no such knob, or a knob does not allow its value.
    """
    return SCHEMES.check({"name": raw} if isinstance(raw, str) else raw, where)


def unused_fields(scheme: Any) -> Mapping[str, str]:
    """Return the fields of a spec that mean nothing with a scheme, each with the reason as the end of a sentence."""
    return SCHEMES[check_scheme(scheme)["name"]].traits.get("unused", {})


def refuse_unused(scheme: Any, path: str, value: Any) -> None:
    """Make sure that a setting means something with a scheme, if there is one; null always does.

    Raises:
        SpecError: it does not.
    """
    fields = unused_fields(scheme) if scheme is not None else {}
    root, _dot, _rest = path.partition(".")
    if root in fields and value is not None:
        raise SpecError(path, value, _(fields[root]))
    within = value if path == root and isinstance(value, Mapping) else {path.removeprefix(f"{root}."): value}
    for name in within:
        if f"{root}.{name}" in fields:
            raise SpecError(f"{root}.{name}", within[name], _(fields[f"{root}.{name}"]))


def check_task(spec: Asked) -> None:
    """Make sure that a teacher of another task is of another one, and that losses compare what the two have in common.

    Raises:
        SpecError: the teacher's dataset is the student's, or a loss compares logits.
    """
    if not learns_elsewhere(spec):
        return
    entry = SCHEMES[spec.scheme["name"]]
    knob = entry.traits["teacher_dataset"]
    if spec.scheme[knob] == spec.dataset["name"]:
        names = ", ".join(name for name in DATASETS if name != spec.dataset["name"])
        allowed = _("allowed is another dataset than the student's, such as one of {names}").format(names=names)
        raise SpecError(f"scheme.{knob}", spec.scheme[knob], allowed)
    for index, part in enumerate(spec.loss if isinstance(spec.loss, list) else [spec.loss]):
        if not compares_inside(DISTILLATION[part["name"]]):
            names = ", ".join(name for name in DISTILLATION if compares_inside(DISTILLATION[name]))
            allowed = _("the teacher's logits are of another task's classes: allowed is a loss on its features, one of {names}")
            where = f"loss.{index}.name" if isinstance(spec.loss, list) else "loss.name"
            raise SpecError(where, part["name"], allowed.format(names=names))


def compares_inside(loss: Entry) -> bool:
    """Tell whether a loss compares features or embeddings, which networks of other tasks have, too."""
    return bool(loss.traits.get("needs"))


def check_losses(spec: Mapping[str, Any]) -> None:
    """Make sure that the losses of a spec can compare its networks, and that the labels have one weight.

    A network that an earlier run made is known only to the run.

    Raises:
        SpecError: a loss has nothing to compare in these networks, or a weight of the labels is given for a loss alone.
    """
    if "loss" in spec and spec["label_weight"] is not None and isinstance(spec["loss"], dict):
        allowed = _("only a list of losses takes it: alone, a loss leaves the labels their weight itself")
        raise SpecError("label_weight", spec["label_weight"], allowed)
    losses = {"loss": spec["loss"]} if spec.get("loss") else {}
    losses |= {f"steps.{place}.loss": step["loss"] for place, step in enumerate(spec.get("steps", ())) if step.get("loss")}
    teacher, student = (spec["teacher"], spec["student"]) if "loss" in spec else (spec["model"], spec["model"])
    there = teacher_dataset(SimpleNamespace(**spec)) if "scheme" in spec else spec["dataset"]
    if teacher is not None and "run" not in teacher:
        for where, loss in losses.items():
            objective = build_objective(loss, where=where)
            check_comparison(objective, student, teacher, spec["dataset"]["name"], teacher_dataset=there["name"])


def check_part(spec: Asked, dataset: str) -> None:
    """Make sure that a student that inherits from its teacher is a part of it, where the teacher is known.

    Raises:
        SpecError: it is none.
    """
    inherits = SCHEMES[spec.scheme["name"]].traits.get("inherits")
    if inherits and "run" not in spec.teacher:
        check_inheritance(spec.student, spec.teacher, dataset, inherits(spec))


def _steps(raw: Any, where: str) -> list[dict[str, Any]]:
    return [STEPS.check(step, f"{where}.{index}") for index, step in enumerate(_sized(raw, where))]


def _sized(raw: Any, where: str, most: int = MOST_PARTS) -> Sequence[Any]:
    if not isinstance(raw, (list, tuple)) or not 1 <= len(raw) <= most:
        raise SpecError(where, raw, _("allowed is a list of 1 to {most} entries").format(most=most))
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
    "label_weight": lambda raw, where: None if raw is None else LABEL_WEIGHT.check(raw, where),
    "scheme": check_scheme,
    "train": _train,
    "teacher_train": lambda raw, where: None if raw is None else _train(raw, where),
    "baseline": _flag,
    "transfer": _transfer,
    "tune": _tune,
    "seeds": _seeds,
    "steps": _steps,
    "tolerance": TOLERANCE.check,
}
