"""The catalogue as a page: `python -m compression.reference` writes docs/methods.md from the declarations."""

from pathlib import Path

from compression.catalog import Entry, Knob, Registry
from compression.data import DATASETS
from compression.distillation import DISTILLATION
from compression.models import MODELS
from compression.observers import OBSERVERS
from compression.pruning import PRUNING
from compression.quantization import QUANTIZATION
from compression.recipe import RECIPE
from compression.schemes import SCHEMES
from compression.steps import STEPS
from compression.targets import TARGETS
from compression.texts import gettext as _

PAGE = Path(__file__).resolve().parent.parent / "docs" / "methods.md"
REGISTRIES: dict[str, Registry] = {
    "Datasets": DATASETS,
    "Models": MODELS,
    "Distillation losses": DISTILLATION,
    "Schemes": SCHEMES,
    "Compression steps": STEPS,
    "Pruning criteria": PRUNING,
    "Quantizers": QUANTIZATION,
    "Observers": OBSERVERS,
    "Targets": TARGETS,
}


def markdown() -> str:
    """Return the reference page: every method with its caption, its source and its knobs."""
    parts = ["# Methods\n\nWritten from the declarations by `python -m compression.reference`; do not edit by hand.\n"]
    for heading, registry in REGISTRIES.items():
        parts.append(f"## {heading}\n")
        parts += [_section(entry) for entry in registry.values()]
    parts.append("## Training\n\nThe fields of `train` and `teacher_train`.\n")
    parts.append(_table(RECIPE))
    return "\n".join(parts)


def _section(entry: Entry) -> str:
    source = f"\n\nSource: {entry.source}." if entry.source else ""
    return f"### `{entry.name}`: {_(entry.title)}\n\n{entry.caption}{source}\n{_table(entry)}"


def _table(entry: Entry) -> str:
    if not entry.knobs:
        return ""
    rows = [f"| `{knob.name}` | {_(knob.help)} | {_allowed(knob)} | {_default(knob)} |" for knob in entry.knobs.values()]
    return "\n".join(["\n| setting | what it does | allowed | default |", "|---|---|---|---|", *rows, ""])


def _allowed(knob: Knob) -> str:
    if knob.kind == "choice":
        return ", ".join(f"`{choice}`" for choice in knob.choices)
    if knob.kind == "method":
        allowed = _("nothing, or one of {names}") if knob.default is None else _("one of {names}, alone or with its settings")
        return allowed.format(names=", ".join(f"`{name}`" for name in knob.registry or ()))
    return knob.allowed().removeprefix(_("allowed is "))


def _default(knob: Knob) -> str:
    if isinstance(knob.default, tuple):
        return f"`{list(knob.default)}`"
    return "" if knob.default is None else f"`{knob.default}`"


if __name__ == "__main__":
    PAGE.write_text(markdown() + "\n", encoding="utf-8")
