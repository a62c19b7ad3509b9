"""Cards on the command line: their runs one after another, and the list of all with what was measured of them."""

import argparse
import json
import sys
from typing import Any

from compression.card_figures import NOT_RUN, figure_of, standing, unit_of
from compression.card_records import is_stale, record, records
from compression.cards import CPU, Card, cards, find_card
from compression.commands.foreground import printed, run_raw
from compression.errors import LabError
from compression.texts import gettext as _


def run_card(request: argparse.Namespace) -> int:
    """Run a card, or one of its runs, and print the result; of several runs one object with the result of each."""
    card, parts = find_card(request.card)
    budget = request.budget or CPU
    requests = {part: card.spec_of(part, budget) for part in parts}
    if request.record:
        _refuse_other_settings(request)
    found: dict[str, Any] = {}
    for part, raw in requests.items():
        if len(parts) > 1:
            print(f"{card.name}/{part}: {_(card.parts[part].title)}", file=sys.stderr, flush=True)
        code, result = run_raw(raw, request, f"{card.name}/{part}" if part else card.name)
        if code or result is None:
            return printed(code, result)
        found[part] = result
        if request.record:
            facts = {key: result[key] for key in ("spec", "seconds", "device")}
            path = record(card, part, budget, {"result": result, **facts})
            print(_("Recorded in {file}").format(file=path), file=sys.stderr)
    return printed(0, {"card": card.name, "runs": found} if len(found) > 1 else next(iter(found.values())))


def _refuse_other_settings(request: argparse.Namespace) -> None:
    """Make sure that what is recorded is the card's own run, on its data or on the same from elsewhere.

    Raises:
        LabError: other settings than the dataset's are changed.
    """
    others = [setting for setting in request.settings if setting.partition("=")[0].split(".")[0] != "dataset"]
    if others:
        raise LabError(_("A record is of the card's own settings: {setting} changes them.").format(setting=others[0]))


def list_cards(request: argparse.Namespace) -> int:
    """Print all cards, each with its runs and with the paper's figures beside the recorded ones."""
    known = cards()
    if request.json:
        print(json.dumps([_facts(card) for card in known.values()]))
        return 0
    for card in known.values():
        print(f"{card.name}  {_(card.title)}")
        for told in filter(None, [card.source, _runs(card), *(_line(row) for row in _rows(card)), _standing(card)]):
            print(f"    {told}")
    return 0


def _runs(card: Card) -> str:
    return ", ".join(f"{card.name}/{name}" for name in card.parts if name)


def _results(card: Card) -> dict[str, Any]:
    found = records(card)
    return {part: told["result"] for part, told in found.items() if part in card.parts and not is_stale(card, part, told)}


def _rows(card: Card) -> list[dict[str, Any]]:
    results, rows = _results(card), []
    for figure in card.figures:
        ours, facts = figure_of(figure, results), {"what": figure.what, "unit": unit_of(figure), "paper": figure.paper}
        rows.append({**facts, "measured": ours._asdict() if ours else None})
    return rows


def _line(row: dict[str, Any]) -> str:
    unit, ours = row["unit"], row["measured"]
    paper = _("paper {value:g} {unit}").format(value=row["paper"], unit=unit) if row["paper"] is not None else ""
    bounds = f" ({ours['low']:.4g} to {ours['high']:.4g})" if ours and ours["low"] is not None else ""
    measured = _("measured {value:.4g} {unit}").format(value=ours["value"], unit=unit) + bounds if ours else _(NOT_RUN)
    return f"{_(row['what'])}: {', '.join(filter(None, [paper, measured]))}"


def _standing(card: Card) -> str:
    return _(standing(card, _results(card)))


def _facts(card: Card) -> dict[str, Any]:
    facts = {"name": card.name, "title": card.title, "source": card.source, "says": card.says, "differs": card.differs}
    return {**facts, "runs": [*card.parts], "budgets": card.budgets, "figures": _rows(card), "standing": _standing(card)}
