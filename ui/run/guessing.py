"""Networks that learned nothing: they are right no more often than guessing, as after a learning rate that was far too high."""

import math
from collections.abc import Mapping
from typing import Any

from compression.data import DATASETS
from compression.recipe import RECIPE
from compression.roles import role_title
from compression.schemes import role_titles
from compression.texts import gettext as _

STANDARD_ERRORS, LEAST_MARGIN = 2, 0.02  # classes are not all of one size


def guessing(role: str, result: Mapping[str, Any], spec: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many seeds of a role are right on test images no more often than guessing, and how many seeds it has."""
    rows, most = (
        result["models"][role].get("per_seed") or [result["models"][role]],
        level(spec, result.get("images", {}).get("test")),
    )
    return sum(row["accuracy"] <= most for row in rows), len(rows)


def level(spec: Mapping[str, Any], images: int | None = None) -> float:
    """Return the accuracy, 0 to 1, up to which a network is no better than guessing; below 0 where that is not known.

    Args:
        images: how many the accuracy is measured on.
    """
    chance = _chance(spec)
    if chance is None:
        return -1.0
    error = STANDARD_ERRORS * math.sqrt(chance * (1 - chance) / images) if images else 0.0
    return chance + max(LEAST_MARGIN, error)


def learned_nothing(role: str, result: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """Tell whether no seed of a role is better than guessing."""
    lost, seeds = guessing(role, result, spec)
    return lost == seeds > 0


def lost_seeds(roles: tuple[str, ...], result: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Return a sentence on the seeds at which networks learned nothing, with what may help; nothing where there are none."""
    told = []
    for role in roles:
        lost, seeds = guessing(role, result, spec)
        if lost:
            sentence = _("{role}: no better than guessing at {lost} of {seeds} seeds.")
            told.append(sentence.format(role=role_title(role, role_titles(spec.get("scheme"))), lost=lost, seeds=seeds))
    return " ".join([*told, advice(spec)]) if told else ""


def advice(spec: Mapping[str, Any]) -> str:
    """Return what may help a network that learned nothing."""
    rate, usual = (spec.get("train") or {}).get("lr"), RECIPE.knobs["lr"].default
    if rate is not None and rate > usual and not spec.get("tune"):
        return _("The learning rate of {rate:g} is high; a lower one may help.").format(rate=rate)
    return _("Another learning rate or more epochs may help.")


def odds(spec: Mapping[str, Any]) -> str:
    """Return what guessing gives, in words: `1 time in 10`."""
    return _("1 time in {classes}").format(classes=round(1 / (_chance(spec) or 1.0)))


def _chance(spec: Mapping[str, Any]) -> float | None:
    """Return how often guessing is right, 0 to 1; None where the dataset is not known."""
    name = (spec.get("dataset") or {}).get("name")
    return 1 / DATASETS[name].traits["classes"] if name in DATASETS else None
