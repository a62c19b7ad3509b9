"""Ready-made specs: the lab's own first steps and results of papers, each a JSON file under assets/cards."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compression.errors import SpecError
from compression.texts import gettext as _

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "cards"


@dataclass(frozen=True)
class Card:
    """One ready-made spec.

    Attributes:
        says: what the source reports, or what the run shows.
        differs: where the lab's budget or method departs from the source.
        spec: the request, as `spec.parse` takes it.
    """

    name: str
    title: str
    source: str
    says: str
    differs: str
    spec: dict[str, Any]


def cards() -> dict[str, Card]:
    """Return all cards by name."""
    paths = sorted(FOLDER.glob("*.json"))
    return {path.stem: Card(name=path.stem, **json.loads(path.read_text(encoding="utf-8"))) for path in paths}


def load_card(name: str) -> dict[str, Any]:
    """Return the spec of a card.

    Raises:
        SpecError: there is no such card.
    """
    known = cards()
    if name not in known:
        raise SpecError("--card", name, _("allowed is one of {names}").format(names=", ".join(known)))
    return known[name].spec
