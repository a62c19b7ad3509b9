"""Ready-made specs: the lab's own first steps and results of papers, each a JSON file under assets/cards."""

import copy
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compression.errors import SpecError
from compression.texts import gettext as _

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "cards"
CPU, FULL = "cpu", "full"
BUDGETS = (CPU, FULL)


@dataclass(frozen=True)
class Part:
    """One run of a card, or one sweep.

    Attributes:
        name: what `--card CARD/NAME` calls it; empty where it is the only one.
        title: what sets it apart from the card's other runs.
        change: what it changes in the card's spec.
    """

    name: str = ""
    title: str = ""
    change: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One figure of a card: what it is, what the paper reports, and where a result has it.

    Attributes:
        measure: as `card_figures.measure` takes it; its unit follows.
        paper: the paper's value in that unit, None where it reports none.
        run: the part whose result is read.
        against: another part, whose figure is subtracted.
        comparable: whether the lab's figure and the paper's can be expected to be alike; not where data or networks are others.
    """

    what: str
    measure: str
    paper: float | None = None
    run: str = ""
    against: str | None = None
    comparable: bool = True


@dataclass(frozen=True)
class Condition:
    """What must hold for the paper's claim to count as reached: a figure at least, or at most, a value.

    Attributes:
        sure: the whole 95 % interval must lie there; else the figure alone.
    """

    what: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None
    sure: bool = False
    run: str = ""
    against: str | None = None


@dataclass(frozen=True)
class Card:
    """One ready-made spec, or several that are compared.

    Attributes:
        says: what the source reports, or what the run shows.
        differs: where the lab's budget or method departs from the source.
        spec: the request, as `spec.parse` or `sweep.parse_sweep` takes it.
        parts: the runs by name, each with what it changes in the spec.
        order: cards are listed by it, and by their names.
        full: what the paper's own budget changes in every run, for a GPU; None where the budget for a CPU is the only one.
    """

    name: str
    title: str
    source: str
    says: str
    differs: str
    spec: dict[str, Any]
    parts: dict[str, Part]
    figures: list[Figure]
    criterion: list[Condition]
    full: dict[str, Any] | None = None
    order: int = 0

    @property
    def budgets(self) -> tuple[str, ...]:
        """Return the budgets that the card has: "cpu", and "full" where the paper's own takes a GPU."""
        return BUDGETS if self.full is not None else (CPU,)

    def spec_of(self, part: str, budget: str = CPU) -> dict[str, Any]:
        """Return the request of one of the card's runs within a budget.

        Raises:
            SpecError: the card has no such run or no such budget.
        """
        if part not in self.parts:
            runs = ", ".join(f"{self.name}/{name}" for name in self.parts if name) or self.name
            raise SpecError("--card", f"{self.name}/{part}", _("allowed is one of {names}").format(names=runs))
        if budget not in self.budgets:
            raise SpecError("--budget", budget, _("allowed is one of {names}").format(names=", ".join(self.budgets)))
        changed = _changed(self.spec, self.parts[part].change)
        return _changed(changed, self.full) if budget == FULL and self.full else changed


def cards() -> dict[str, Card]:
    """Return all cards by name."""
    return dict(_cards())


@functools.cache
def _cards() -> dict[str, Card]:
    found = [_read(path) for path in sorted(FOLDER.glob("*.json"))]
    return {card.name: card for card in sorted(found, key=lambda card: card.order)}


def _read(path: Path) -> Card:
    told = json.loads(path.read_text(encoding="utf-8"))
    parts = [Part(**part) for part in told.pop("runs", [{}])]
    figures = [Figure(**figure) for figure in told.pop("figures", [])]
    criterion = [Condition(**condition) for condition in told.pop("criterion", [])]
    return Card(name=path.stem, parts={part.name: part for part in parts}, figures=figures, criterion=criterion, **told)


def find_card(name: str) -> tuple[Card, list[str]]:
    """Return a card, and the names of the runs that are meant: all of it, or the one that is named after a slash.

    Raises:
        SpecError: there is no such card, or it has no such run.
    """
    known, (stem, slash, part) = _cards(), name.partition("/")
    if stem not in known:
        raise SpecError("--card", name, _("allowed is one of {names}").format(names=", ".join(known)))
    card = known[stem]
    if slash:
        card.spec_of(part)
    return card, [part] if slash else [*card.parts]


def _changed(old: Any, new: Any) -> Any:
    """Return a value with changes: fields are replaced one by one, a method that is named anew with all of its settings."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping) or "name" in new:
        return copy.deepcopy(new)
    merged = copy.deepcopy(dict(old))
    for key, value in new.items():
        merged[key] = _changed(merged.get(key), value)
    return merged
