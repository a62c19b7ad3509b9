"""A sweep: one spec run at several values of one or two of its settings."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from compression.errors import SpecError
from compression.spec import Spec, override, parse
from compression.texts import gettext as _

FIELDS = ("base", "over")
MOST_SETTINGS, MOST_CELLS = 2, 64


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: the swept settings' values, by their paths in the spec, and the complete spec."""

    at: dict[str, Any]
    spec: Spec


@dataclass(frozen=True)
class Sweep:
    """A spec and the values that one or two of its settings take, every one with every other.

    Attributes:
        base: a complete spec.
        over: for each swept setting, by its path in the spec (`loss.temperature`), its values in order.
    """

    kind: ClassVar[str] = "sweep"
    base: dict[str, Any]
    over: dict[str, list[Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the complete request, JSON-safe; parsing it gives an equal sweep."""
        return {"kind": self.kind, "base": self.base, "over": self.over}

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the complete request in canonical JSON."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def cells(self) -> list[Cell]:
        """Return the runs, the last setting changing fastest."""
        found = []
        for values in itertools.product(*self.over.values()):
            at = dict(zip(self.over, values, strict=True))
            settings = [f"{path}={json.dumps(value)}" for path, value in at.items()]
            found.append(Cell(at, parse(override(self.base, settings))))
        return found


def is_sweep(raw: Any) -> bool:
    """Tell whether a request asks for a sweep."""
    return isinstance(raw, Mapping) and raw.get("kind") == Sweep.kind


def parse_sweep(raw: Mapping[str, Any]) -> Sweep:
    """Return the sweep of a request, its base completed with the defaults.

    Raises:
        SpecError: an unknown field, no or too many settings, values or cells, a value that its setting does not allow, or two
            values that mean the same.
    """
    for key, value in raw.items():
        if key not in ("kind", *FIELDS):
            raise SpecError(key, value, _("a sweep has the fields {names}").format(names=", ".join(FIELDS)))
    over = raw.get("over")
    if not isinstance(over, Mapping) or not 1 <= len(over) <= MOST_SETTINGS:
        allowed = _('allowed are the values of one or two settings, such as {"loss.temperature": [1, 4, 8]}')
        raise SpecError("over", over, allowed)
    for path, values in over.items():
        if not isinstance(values, list) or len(values) < 2:
            raise SpecError(f"over.{path}", values, _("allowed is a list of at least two values"))
    cells = 1
    for values in over.values():
        cells *= len(values)
    if cells > MOST_CELLS:
        raise SpecError("over", cells, _("allowed are at most {most} runs in one sweep").format(most=MOST_CELLS))
    sweep = Sweep(parse(raw.get("base")).to_json(), {str(path): list(values) for path, values in over.items()})
    _refuse_twice(sweep)
    return sweep


def _refuse_twice(sweep: Sweep) -> None:
    seen: dict[str, Cell] = {}
    for cell in sweep.cells():
        if cell.spec.hash in seen:
            raise SpecError("over", cell.at, _("it means the same as {other}").format(other=seen[cell.spec.hash].at))
        seen[cell.spec.hash] = cell
