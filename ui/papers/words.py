"""What the page Papers says, all of it following from a card and its records."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compression.card_figures import (
    BYTES,
    ERRORS,
    MISSED,
    NOT_RUN,
    OTHER_TASK,
    PERCENT,
    POINTS,
    REACHED,
    TIMES,
    UNCLEAR,
    Measured,
    answer,
    figure_of,
    unit_of,
)
from compression.cards import CPU, Card, Condition, Figure
from compression.charts.numbers import format_count, format_seconds, three_digits
from compression.data import DATASETS
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.papers.found import Known

STANDINGS = {
    REACHED: (mark("Reached"), ":material/check_circle:", "green"),
    MISSED: (mark("Not reached"), ":material/cancel:", "red"),
    UNCLEAR: (mark("Too close to tell"), ":material/help:", "orange"),
    OTHER_TASK: (mark("Tried on another task"), ":material/science:", "blue"),
    NOT_RUN: (mark("Not run yet"), ":material/schedule:", "gray"),
}
OUTDATED = (mark("Measured with earlier settings"), ":material/history:", "gray")
SIGNS = {REACHED: "✔", MISSED: "✖", UNCLEAR: "?", NOT_RUN: "–"}
SEEN_ELSEWHERE = {
    REACHED: ("✔", mark("{what}: {amount} ({interval}), as the paper claims")),
    MISSED: ("≠", mark("{what}: {amount} ({interval}), not what the paper claims of its own task")),
    UNCLEAR: ("?", mark("{what}: {amount} ({interval}), too close to tell")),
}
BUDGETS = {CPU: mark("On a CPU"), "full": mark("As large as in the paper, on a GPU")}
EXACT_BELOW = 2.0  # percent; an error of 0.80 % needs its second decimal


class Row(NamedTuple):
    """One figure as its row shows it: what it is, the paper's, the lab's with its interval, how far apart, and that of here.

    Attributes:
        known: whether the lab's figure was measured.
    """

    what: str
    paper: str
    ours: str
    interval: str
    gap: str
    here: str
    known: bool


def badge(known: Known) -> tuple[str, str, str]:
    """Return the word, the icon and the colour of where a card stands."""
    if known.standing == NOT_RUN and known.stale:
        return OUTDATED
    return STANDINGS[known.standing]


def amount(value: float, unit: str) -> str:
    """Return a figure with its unit, such as 74 errors, 97.3 %, +1.4 points, 27.0 KB or 40×."""
    if unit == ERRORS:
        return _("{count} errors").format(count=f"{value:,.0f}".replace("-", "−"))
    if unit == POINTS:
        return _("{number} points").format(number=signed(value))
    if unit == BYTES:
        return f"{three_digits(value)} KB"
    return f"{three_digits(value)}×" if unit == TIMES else f"{_decimals(value)} %"


def signed(value: float, decimals: int = 1) -> str:
    """Return a number with its sign: +2.1, −0.3, 0.0."""
    text = f"{value:+,.{decimals}f}".replace("-", "−")
    return text[1:] if not float(f"{value:.{decimals}f}") else text


def _decimals(value: float) -> str:
    return f"{value:.{2 if abs(value) < EXACT_BELOW else 1}f}"


def row(figure: Figure, known: Known) -> Row:
    """Return one figure of a card as its row shows it."""
    unit, ours, here = unit_of(figure), figure_of(figure, known.results), figure_of(figure, known.here)
    paper = "–" if figure.paper is None else amount(figure.paper, unit)
    told = amount(ours.value, unit) if ours else _("not run")
    return Row(
        _(figure.what),
        paper,
        told,
        _interval(ours, unit),
        _gap(figure, ours),
        amount(here.value, unit) if here else "",
        ours is not None,
    )


def _interval(found: Measured | None, unit: str) -> str:
    if found is None or found.low is None or found.high is None:
        return ""
    plain = {ERRORS: lambda value: f"{value:,.0f}".replace("-", "−"), POINTS: signed}.get(unit, _decimals)
    return _("95 %: {low} to {high}").format(low=plain(found.low), high=plain(found.high))


def _gap(figure: Figure, ours: Measured | None) -> str:
    if ours is None or figure.paper is None:
        return "–"
    if not figure.comparable:
        return _("other task")
    unit, gap = unit_of(figure), ours.value - figure.paper
    if unit in (BYTES, TIMES):
        return f"{signed(gap)} KB" if unit == BYTES else f"{signed(gap)}×"
    if unit == ERRORS:
        return signed(gap, 0)
    return _("{number} points").format(number=signed(gap, 2 if unit == PERCENT and abs(figure.paper) < EXACT_BELOW else 1))


def criterion(known: Known) -> tuple[str, list[tuple[str, str]]]:
    """Return a title and lines, each with its sign: what a card's claim asks for, or what was seen of it on another task."""
    if known.standing != OTHER_TASK:
        return _("Counts as reached where"), [_condition(told, known) for told in known.card.criterion]
    return _("Seen on the other task"), [_seen(told, known) for told in known.card.criterion]


def _seen(told: Condition, known: Known) -> tuple[str, str]:
    sign, sentence = SEEN_ELSEWHERE[answer(told, known.results)]
    unit, found = unit_of(told), figure_of(told, known.results)
    assert found is not None
    facts = {"what": _(told.what), "amount": amount(found.value, unit), "interval": _interval(found, unit)}
    return sign, _(sentence).format(**facts).replace(" ()", "")


def _condition(told: Condition, known: Known) -> tuple[str, str]:
    """Return whether a condition holds, and what it asks: `("✔", "Test errors, student: at most 95 errors")`."""
    least = told.at_least is not None
    if told.sure:
        asked = _("whole interval above {amount}") if least else _("whole interval below {amount}")
    else:
        asked = _("at least {amount}") if least else _("at most {amount}")
    bound = told.at_least if told.at_least is not None else told.at_most or 0.0
    unit = unit_of(told)
    shown = _("0") if told.sure and not bound else amount(bound, unit)
    return SIGNS[answer(told, known.results)], f"{_(told.what)}: {asked.format(amount=shown)}"


def groups(every: list[Known]) -> list[tuple[str, list[Known]]]:
    """Return the cards under titles: those on the paper's own task first, then those on another, then what was not run."""
    own = [known for known in every if known.standing in (REACHED, MISSED, UNCLEAR)]
    other = [known for known in every if known.standing == OTHER_TASK]
    earlier = [known for known in every if known.standing == NOT_RUN and known.stale]
    never = [known for known in every if known.standing == NOT_RUN and not known.stale]
    titles = (_("On the paper's own task"), _("Tried on another task"), _("Measured with earlier settings"), _("Not run yet"))
    return [(title, group) for title, group in zip(titles, (own, other, earlier, never), strict=True) if group]


def summary(every: list[Known]) -> str:
    """Return in sentences how many claims were reached on the paper's own task, tried on another and never run."""
    words = [badge(known)[0] for known in every]
    count = {standing: words.count(word) for standing, (word, _icon, _colour) in STANDINGS.items()}
    own = [(number, STANDINGS[key][0]) for key in (REACHED, MISSED, UNCLEAR) if (number := count[key])]
    total = sum(number for number, _word in own)
    told = _("None of {all} claims was tested on the paper's own task yet.")
    if own:
        told = ngettext(
            "{count} of {all} claims was tested on the paper's own task: {answers}.",
            "{count} of {all} claims were tested on the paper's own task: {answers}.",
            total,
        )
    answers = ", ".join(f"{number} {_(word).lower()}" for number, word in own)
    told = told.format(count=total, all=len(every), answers=answers)
    sentences = (
        (
            count[OTHER_TASK],
            ngettext(
                "{count} was tried on another, smaller task, which neither confirms nor refutes the paper.",
                "{count} were tried on other, smaller tasks, which neither confirms nor refutes the papers.",
                count[OTHER_TASK],
            ),
        ),
        (words.count(OUTDATED[0]), _("{count} measured with earlier settings.")),
        (count[NOT_RUN], ngettext("{count} has not been run yet.", "{count} have not been run yet.", count[NOT_RUN])),
    )
    return " ".join([told, *(sentence.format(count=number) for number, sentence in sentences if number)])


def budget(card: Card, which: str) -> str:
    """Return what a card's runs take within a budget, such as `20 epochs on 6,400 images of CIFAR-10, with each of 3 seeds`."""
    raw = card.spec_of(next(iter(card.parts)), which)
    spec = raw.get("base", raw)
    dataset = spec.get("dataset", {"name": "digits"})
    images = spec.get("transfer", {}).get("images") or dataset.get("train_images")
    data = _(DATASETS[dataset["name"]].title)
    data = _("{count} images of {data}").format(count=format_count(images), data=data) if images else data
    epochs, seeds = spec.get("train", {}).get("epochs"), spec.get("seeds", ())
    told = _("{epochs} epochs on {data}").format(epochs=epochs, data=data) if epochs else _("trained on {data}").format(data=data)
    told += _(", with each of {count} seeds").format(count=len(seeds)) if len(seeds) > 1 else ""
    return told + (_(", in each of {count} runs").format(count=len(card.parts)) if len(card.parts) > 1 else "")


def measured(known: Known) -> str:
    """Return when, on what and in what time a card's runs were recorded; that they were not, where that is so."""
    if not known.records:
        return _("not run yet")
    last = max(known.records.values(), key=lambda record: record["made"])
    sentence = _("measured {date} on {device} ({cores} cores, PyTorch {torch}) in {time}")
    seconds = sum(record["seconds"] for record in known.records.values())
    facts = {"date": last["made"], "device": last["device"], "cores": last["cores"], "torch": last["versions"]["torch"]}
    told = sentence.format(**facts, time=format_seconds(seconds))
    missing = [_(part.title) for name, part in known.card.parts.items() if name not in known.records]
    told += "; " + _("not run: {runs}").format(runs=", ".join(missing)) if missing else ""
    return told + _other_data(known, last)


def _other_data(known: Known, record: Mapping[str, Any]) -> str:
    title = record["dataset"].get("title")
    return _("; on other images: {title}").format(title=_(title)) if title else ""
