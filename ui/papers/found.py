"""What is known of a card: what was recorded of its runs, and what runs of it on this server have found."""

from dataclasses import dataclass, field
from typing import Any

from compression.card_figures import standing
from compression.card_records import asked_for, is_stale, records
from compression.cards import CPU, Card
from compression.runs import store
from compression.runs.records import FINISHED, Run
from compression.sweep import Sweep


@dataclass(frozen=True)
class Known:
    """What is known of a card within a budget.

    Attributes:
        records: of its runs, by name, those of today's settings.
        stale: whether there are records of other settings.
        here: what runs of it on this server have found, by name: a result, or the cells of a sweep.
        runs: the ids of those runs by name; none of a sweep.
    """

    card: Card
    budget: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    stale: bool = False
    here: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """Return the recorded results by the names of the runs."""
        return {part: told["result"] for part, told in self.records.items()}

    @property
    def standing(self) -> str:
        """Return whether the claim of the card is reached, as `card_figures.standing` says it."""
        return standing(self.card, self.results, self.budget)


def known(card: Card, budget: str = CPU) -> Known:
    """Return what is known of a card within a budget."""
    every = {part: told for part, told in records(card, budget).items() if part in card.parts}
    today = {part: told for part, told in every.items() if not is_stale(card, part, told, budget)}
    here, runs = {}, {}
    for part in card.parts:
        request = asked_for(card, part, budget)
        if isinstance(request, Sweep):
            here[part] = _cells(request)
        elif (run := store().find_finished(request.hash)) is not None:
            here[part], runs[part] = run.result or {}, run.id
    return Known(card, budget, today, len(today) < len(every), {part: found for part, found in here.items() if found}, runs)


def _cells(sweep: Sweep) -> dict[str, Any]:
    """Return the cells of a sweep all of whose runs have finished here; nothing before."""
    cells = []
    for cell in sweep.cells():
        run: Run | None = store().find_finished(cell.spec.hash)
        if run is None or not run.result:
            return {}
        cells.append({"at": cell.at, "run": run.id, "state": FINISHED, **run.result})
    return {"cells": cells}
