"""What differs between runs: their settings as dotted paths, and a name for each run from what differs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compression.catalog import Registry
from compression.data import DATASETS
from compression.data.own.stored import called
from compression.distillation import DISTILLATION
from compression.models import MODELS
from compression.recipe import RECIPE
from compression.runs.records import Run
from compression.schemes import OFFLINE, SCHEMES
from compression.steps import STEPS
from compression.texts import gettext as _
from ui.form.labels import LABELS
from ui.run.search import natural
from ui.run.words import dataset, kind_title, knob_name, networks, settings_text

MISSING = "–"
LABEL_PARTS = 3
ID_DIGITS = 4
OUTCOMES = ("student", "compressed")
MOST_COMPARED = 32  # runs side by side
TOLD = ("scheme.", "loss.", "steps.", "train.epochs", "transfer.", "seeds")  # of what runs share
NETWORKS = ("teacher", "student", "model")
MOST_REMEMBERED = 32  # lists of runs
LOGARITHMIC_FROM = 4.0  # times between the lowest and the highest value
SMALL_BUT_NO_SHARES = ("lr", "weight_decay")  # numbers below 1 of which the ratio counts, not the difference

Rows = dict[str, list[str]]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of a spec by dotted path: `{"student.width": 2, "steps.0.name": "prune"}`.

    A step that has no settings is a leaf of its own, `steps.remove`, true or false, and does not count in the list: runs with
    it and without it then differ in it alone.
    """
    if isinstance(value, Mapping) and value:
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        bare = [name for name, entry in STEPS.items() if not entry.knobs] if path == "steps" else []
        names = [item.get("name") if isinstance(item, Mapping) else None for item in value]
        items = [*enumerate(item for item, name in zip(value, names, strict=True) if name not in bare)]
        items += [(name, name in names) for name in bare]
    else:
        return {path: value}
    return {leaf: found for key, item in items for leaf, found in leaves(item, f"{path}.{key}" if path else str(key)).items()}


def _aligned(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the leaves of the runs' specs; a method that is absent stands where the others have its name."""
    every = [_settings(run.spec) for run in runs]
    known = {path for leaf in every for path in leaf}
    named = {path: f"{path}.name" for path in known if f"{path}.name" in known}
    return [{named.get(path, path): value for path, value in leaf.items()} for leaf in every]


def flatten(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the leaves of a spec by dotted path, as text."""
    return {path: _text(path, value) for path, value in _settings(spec).items()}


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of a spec and what it leaves out: knobs that came later, a distillation's usual scheme, and without a
    loss its scheme in that place.
    """
    later = {f"train.{name}": knob.default for name, knob in RECIPE.knobs.items() if knob.later and "train" in spec}
    found = leaves(spec)
    found |= {path: value for path, value in later.items() if path not in found}
    if spec.get("kind") == "distill":
        found = {**found, "scheme.name": found.get("scheme.name", OFFLINE["name"])}
        if found.get("loss", "") is None:
            found["loss"] = found["scheme.name"]
    return found


def _text(path: str, value: Any) -> str:
    """Return a setting's value as the lists show it: a method, a dataset or an architecture by its title."""
    if isinstance(value, str):
        if path == "dataset.name" and (own := called(value)) != value:
            return own
        for registry in _registries(path):
            if value in registry:
                return _(registry[value].title)
    return _leaf(value)


def _registries(path: str) -> Sequence[Registry]:
    """Return where the method is declared that a setting names; nothing for a setting that names none."""
    first, last = path.split(".", maxsplit=1)[0], path.rsplit(".", maxsplit=1)[-1]
    methods = {"dataset": [DATASETS], "scheme": [SCHEMES], "loss": [DISTILLATION, SCHEMES], "steps": [STEPS]}
    methods |= {network: [MODELS] for network in NETWORKS}
    if first in methods and (last == "name" or path == first or last.isdigit()):
        return methods[first]
    knobs = [entry.knobs[last] for registry in methods.get(first, ()) for entry in registry.values() if last in entry.knobs]
    return [knob.registry for knob in knobs if knob.registry is not None]


def _leaf(value: Any) -> str:
    if value is None:
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_leaf(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing(columns: Sequence[Mapping[str, str]]) -> Rows:
    """Return the rows in which the columns are not all the same; what belongs together stays together."""
    longest_first = sorted(columns, key=len, reverse=True)
    names = list(dict.fromkeys(name for column in longest_first for name in column))
    groups = list(dict.fromkeys(_group(name) for name in names))
    names.sort(key=lambda name: groups.index(_group(name)))
    rows = {name: [column.get(name, MISSING) for column in columns] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _group(name: str) -> str:
    return re.split("[.:]", name)[0]


def settings_rows(runs: Sequence[Run]) -> Rows:
    """Return the settings that differ, by dotted path, a value a run; without those that merely come with another kind of run."""
    kinds = [run.kind for run in runs]

    def tells(values: Sequence[str]) -> bool:
        return MISSING not in values or len(set(zip(kinds, values, strict=True))) > len(set(kinds))

    rows = differing([{path: _text(path, value) for path, value in leaf.items()} for leaf in _aligned(runs)])
    return {path: values for path, values in rows.items() if tells(values)}


def in_place_of(rows: Rows) -> list[str]:
    """Return what differs between two runs: `temperature 8 in place of 4`; not what comes with another method of the one."""
    told = {path: values for path, values in rows.items() if MISSING not in values}
    one = _("{setting} {value} in place of {other}")
    names = _short_names(told)
    return [one.format(setting=names[path], value=told[path][0], other=told[path][1]) for path in names]


def setting_title(path: str) -> str:
    """Return what a setting is called as the title of an axis or a column: `Temperature T`, `Student width`.

    Of several losses it says which: `Alpha α, loss 2`.
    """
    parts = [part for part in path.split(".") if part != "name"]
    if parts[0] == "loss" and len(parts) > 1 and parts[1].isdigit():
        number = int(parts[1]) + 1
        if len(parts) == 2:
            return _("Loss {number}").format(number=number)
        return _("{setting}, loss {number}").format(setting=setting_title(f"loss.{parts[2]}"), number=number)
    if parts[-1] in LABELS and parts[0] not in NETWORKS:
        return _(LABELS[parts[-1]])
    return _tail(path, 2 if parts[0] in NETWORKS else 1).capitalize()


def in_common(runs: Sequence[Run]) -> str:
    """Return in words what the runs share: networks, dataset, and the settings that people turn most."""
    facts = [{networks(run) for run in runs}, {dataset(run) for run in runs}]
    flat = [flatten(run.spec) for run in runs]
    shared = {path: text for path, text in flat[0].items() if all(other.get(path) == text for other in flat)}
    told = [
        f"{_tail(path, 1)} {text}"
        for path, text in shared.items()
        if path.startswith(TOLD) and not path.endswith("name") and text != _("no")
    ]
    return " · ".join([*(fact.pop() for fact in facts if len(fact) == 1), ", ".join(told)]).strip(" ·")


def columns_of(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Return the settings that differ as columns by their titles, numbers where all are, else text; None where there is none."""
    every, columns = _aligned(runs), dict[str, list[Any]]()
    for path, texts in settings_rows(runs).items():
        values = [leaf.get(path) for leaf in every]
        there = [value for value, text in zip(values, texts, strict=True) if text != MISSING]
        told = values if numbers(there) else [None if text == MISSING else text for text in texts]
        titles = (setting_title(path), _tail(path, 2).capitalize())
        title = next((title for title in titles if title not in columns), path)
        columns[title] = told
    return columns


def numbers(values: Iterable[Any]) -> bool:
    """Tell whether all values of a setting are numbers, so that they have an order and a distance."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def is_logarithmic(path: str, values: Sequence[Any]) -> bool:
    """Tell whether an axis of these values is better logarithmic: a wide range of numbers that are no shares of a whole."""
    if not numbers(values) or min(values) <= 0 or max(values) < LOGARITHMIC_FROM * min(values):
        return False
    return max(values) > 1 or path.rsplit(".", maxsplit=1)[-1] in SMALL_BUT_NO_SHARES


def ordered(runs: Sequence[Run]) -> list[Run]:
    """Return the runs sorted by the settings that differ, numbers as numbers."""
    rows = settings_rows(runs)
    keys = {run.id: [natural(values[index]) for values in rows.values()] for index, run in enumerate(runs)}
    return sorted(runs, key=lambda run: keys[run.id])


_remembered: dict[tuple[str, ...], dict[str, str]] = {}


def told_apart(runs: Sequence[Run]) -> dict[str, str]:
    """Return for each run what sets it apart from the runs of the same networks: `temperature 8, alpha 0.5`.

    A run that nothing sets apart has its methods with their numbers. Settings never change, so a list of runs is read once.
    """
    key = tuple(run.id for run in runs)
    if key not in _remembered:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = _tell_apart(runs)
    return _remembered[key]


def _tell_apart(runs: Sequence[Run]) -> dict[str, str]:
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.kind, networks(run), dataset(run)), []).append(run)
    told = {}
    for alike in groups.values():
        rows = {path: values for path, values in settings_rows(alike).items() if len({*values} - {MISSING}) > 1}
        names = _short_names(rows)
        for index, run in enumerate(alike):
            parts = [f"{name} {rows[path][index]}" for path, name in names.items() if rows[path][index] != MISSING]
            told[run.id] = ", ".join(parts) or settings_text(run.spec)
    return told


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """Return a name for each run, made of what differs: `temperature 8`; runs of the same settings are told apart by their id."""
    parts = _label_parts(runs)
    return {run.id: ", ".join(_enough(parts, run.id)) for run in runs}


def _label_parts(runs: Sequence[Run]) -> dict[str, list[str]]:
    kinds = {run.kind for run in runs}
    parts = {}
    for kind in kinds:
        alike = [run for run in runs if run.kind == kind]
        rows = settings_rows(alike)
        names = _short_names(rows)
        for index, run in enumerate(alike):
            told = [f"{name} {rows[path][index]}" for path, name in names.items() if rows[path][index] != MISSING]
            parts[run.id] = ([kind_title(kind)] if len(kinds) > 1 else []) + told
    return parts


def _enough(parts: Mapping[str, list[str]], run_id: str) -> list[str]:
    own, others = parts[run_id], [told for other, told in parts.items() if other != run_id]
    for count in range(LABEL_PARTS, max(LABEL_PARTS, len(own)) + 1):
        if own and all(told[:count] != own[:count] for told in others):
            return own[:count]
    return [*own, _("run {digits}").format(digits=run_id[:ID_DIGITS])]


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    paths = [path for path in paths if path != "kind"]
    last = [_tail(path, 1) for path in paths]
    return {path: short if last.count(short) == 1 else _tail(path, 2) for path, short in zip(paths, last, strict=True)}


def _tail(path: str, length: int) -> str:
    parts = [part for part in path.split(".") if part != "name"] or [path]
    return " ".join(_word(part) for part in parts[-length:])


def _word(part: str) -> str:
    return _("step {number}").format(number=int(part) + 1) if part.isdigit() else knob_name(part)
