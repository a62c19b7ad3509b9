"""The questions that a finished run answers, each with its answer and what it stands on, in words."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from compression.charts.numbers import format_count, format_percent
from compression.data.own.stored import NAME as OWN_NAME
from compression.errors import SpecError
from compression.fields import check_scheme
from compression.measure.settling import CHANCE, what_would_settle
from compression.roles import role_title
from compression.runs.records import Run
from compression.schemes import OFFLINE, SCHEMES
from compression.texts import gettext as _
from compression.texts import mark
from ui.run.decimals import interval_points, printed_difference, result_decimals, signed_points
from ui.run.guessing import advice, learned_nothing, lost_seeds, odds
from ui.run.words import has_teacher, titles

YES = (mark("Yes"), ":material/check_circle:", "green")
NO = (mark("No"), ":material/cancel:", "red")
UNCLEAR = (mark("Too close to tell"), ":material/help:", "orange")
ONE_SEED = (mark("One seed cannot tell"), ":material/help:", "orange")
EQUAL = (mark("No difference"), ":material/drag_handle:", "orange")
NEITHER = (mark("Neither learned"), ":material/warning:", "red")
UNTRAINED = (mark("The original did not learn"), ":material/warning:", "red")
UNASKED = (mark("No baseline"), ":material/info:", "gray")
USUAL_TOLERANCE = 0.01
MOST_SEEDS_OFFERED = 10  # by a page's slider


class Verdict(NamedTuple):
    """One question with its answer: a word with its icon and colour, the sentence of numbers, and what to know about it."""

    question: str
    word: str
    icon: str
    colour: str
    sentence: str
    remark: str = ""


def verdicts_of(run: Run) -> list[Verdict]:
    """Return what a finished run answers: of a distillation whether the teacher helps and how far the student is from it."""
    return verdicts(run.kind, run.result or {}, run.spec)


def verdicts(kind: str, result: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Verdict]:
    """Return what a result answers.

    Args:
        kind: `distill` or `compress`.
        result: of the run; one of an earlier version may lack whatever was added since.
        spec: of the run.
    """
    found = result.get("verdict")
    if kind == "compress":
        return [_compression(found, result, spec)] if found else []
    answers = [_help(found, result, spec)]
    against_teacher = result.get("teacher_verdict")
    return [*answers, _distance(against_teacher, result, spec)] if against_teacher else answers


def _help(found: Mapping[str, Any] | None, result: Mapping[str, Any], spec: Mapping[str, Any]) -> Verdict:
    whom = what_helps(spec)
    question = _("Does {whom} help?").format(whom=whom)
    if found is None:
        sentence = _("Without a baseline there is no telling; train one too to find out.")
        return Verdict(question, *_shown(UNASKED), sentence)
    rival = found.get("against", "baseline")
    if all(learned_nothing(role, result, spec) for role in ("student", rival)):
        sentence = _("Test accuracy {new} with {whom} and {old} without is no better than guessing, which is right {odds}.")
        accuracies = {"new": _accuracy(result, "student"), "old": _accuracy(result, rival)}
        return Verdict(question, *_shown(NEITHER), f"{sentence.format(whom=whom, odds=odds(spec), **accuracies)} {advice(spec)}")
    case, numbers = _case(found), {"whom": whom, **_numbers(found, result, ("student", rival))}
    if case == EQUAL:
        sentence = _("With and without {whom} the student gets the same test images right, at every seed ({basis}).")
        return Verdict(question, *_shown(case), sentence.format(**numbers))
    sentence = _("Test accuracy {new} with {whom}, {old} without: {change} points ({interval}; {basis}).")
    if rival != "baseline":
        sentence = _("Test accuracy {new} with {whom}, {old} {rival}: {change} points ({interval}; {basis}).")
        numbers |= {"rival": role_title(rival, titles(spec)).lower()}
    told = sentence.format(**numbers)
    told = _("It does harm.") + " " + told if case == NO else _either(case) + told
    lost = lost_seeds(("student", rival), result, spec)
    remark = _remark(found) if rival == "baseline" else _on_images(result)
    return Verdict(question, *_shown(case), f"{told} {lost}" if lost else told + _advice(case, found, spec), remark)


def _on_images(result: Mapping[str, Any]) -> str:
    """Return how the same network fares on images of the dataset with their labels, where a result has it."""
    learned = result.get("images", {}).get("transfer")
    if "baseline" not in result["models"] or not learned:
        return ""
    sentence = _("For reference: the baseline, on {count} images of the dataset with their labels, reaches {old}.")
    return sentence.format(count=format_count(learned), old=_accuracy(result, "baseline"))


def what_helps(spec: Mapping[str, Any]) -> str:
    """Return what the student has and the baseline has not: the teacher, or what a scheme or a loss without one says it is."""
    if (asked := _scheme_helps(spec)) or not has_teacher(spec):
        return _(asked or mark("the loss"))
    return _("the {whom}").format(whom=_whom(spec))


def _scheme_helps(spec: Mapping[str, Any]) -> str | None:
    try:
        return SCHEMES[check_scheme(spec.get("scheme") or OFFLINE)["name"]].traits.get("help")
    except SpecError:  # a spec of another version
        return None


def _whom(spec: Mapping[str, Any]) -> str:
    """Return what the run's scheme calls the network in the teacher's place."""
    return role_title("teacher", titles(spec)).lower()


def _distance(found: Mapping[str, Any], result: Mapping[str, Any], spec: Mapping[str, Any]) -> Verdict:
    tolerance = found.get("tolerance", USUAL_TOLERANCE)
    whom = _whom(spec)
    question = _("Is the student within {points} of its {whom}?").format(points=points(tolerance), whom=whom)
    if not tolerance:
        question = _("Is the student as accurate as its {whom}?").format(whom=whom)
    remark = _remark(found, members=result["models"]["teacher"].get("members", 1))
    case, numbers = _case(found), _numbers(found, result, ("student", "teacher"), tolerance)
    if case == EQUAL:
        sentence = _("Student and {whom} get the same test images right, at every seed ({basis}).")
        return Verdict(question, *_shown(case), sentence.format(whom=whom, **numbers), remark)
    sentence = _("Test accuracy {new} against the {whom}'s {old}: {change} points ({interval}; {basis}).")
    told = _either(case, tolerance) + sentence.format(whom=whom, **numbers)
    return Verdict(question, *_shown(case), told + _advice(case, found, spec), remark)


def _compression(found: Mapping[str, Any], result: Mapping[str, Any], spec: Mapping[str, Any]) -> Verdict:
    tolerance = found.get("tolerance", spec.get("tolerance", USUAL_TOLERANCE))
    question = _("Does compression cost at most {points}?").format(points=points(tolerance))
    if not tolerance:
        question = _("Is the compressed network as accurate as the original?")
    if learned_nothing("original", result, spec):
        sentence = _("Its test accuracy of {old} is no better than guessing, which is right {odds}: there is nothing to lose.")
        told = sentence.format(old=_accuracy(result, "original"), odds=odds(spec))
        return Verdict(question, *_shown(UNTRAINED), f"{told} {advice(spec)}")
    case, numbers = _case(found), _numbers(found, result, ("compressed", "original"), tolerance)
    if case == EQUAL:
        sentence = _("Original and compressed network get the same test images right, at every seed ({basis}).")
        return Verdict(question, *_shown(case), sentence.format(**numbers), _remark(found))
    sentence = _("Test accuracy {new} against the original's {old}: {change} points ({interval}; {basis}).")
    told = (_cost(numbers["change"]) if case in (YES, NO) else _either(case, tolerance)) + sentence.format(**numbers)
    return Verdict(question, *_shown(case), told + _advice(case, found, spec), _remark(found))


def _cost(change: str) -> str:
    """Return what compression costs, of an answer that is yes or no; `change` is the difference as the sentence prints it."""
    if change.startswith(("+", "−")):
        sentence = _("Compression gains {points} points.") if change.startswith("+") else _("Compression costs {points} points.")
        return sentence.format(points=change[1:]) + " "
    return _("Compression costs nothing that shows.") + " "


def _either(case: tuple[str, str, str], tolerance: float = 0.0) -> str:
    """Return why an answer is neither yes nor no, where the interval holds what decides."""
    if case != UNCLEAR:
        return ""
    if not tolerance:
        return _("It may be either: the interval reaches to both sides of 0.") + " "
    return _("It may be either: the interval reaches to both sides of −{points}.").format(points=points(tolerance)) + " "


def _case(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the answer, also of a result from before the rule that one seed never says yes or no."""
    low, high = found["interval"]
    reason = found.get("reason")
    if reason == "no_difference" or (reason is None and found["difference"] == low == high == 0):
        return EQUAL
    if reason == "one_seed" or found["seeds"] == 1:
        return ONE_SEED
    return {"yes": YES, "no": NO}.get(found["answer"], UNCLEAR)


def _shown(case: tuple[str, str, str]) -> tuple[str, str, str]:
    word, icon, colour = case
    return _(word), icon, colour


def _numbers(
    found: Mapping[str, Any], result: Mapping[str, Any], roles: tuple[str, str], tolerance: float = 0.0
) -> dict[str, str]:
    """Return the parts of a verdict's sentence: both accuracies, their difference, its interval, and what it stands on."""
    decimals, (new, old) = result_decimals(result), (result["models"][role]["accuracy"] for role in roles)
    images = result.get("images", {}).get("test")
    low, high = interval_points(found["interval"], -tolerance)
    seeds = _("one seed") if found["seeds"] == 1 else _("{seeds} seeds").format(seeds=found["seeds"])
    told = [seeds, *([_("{count} test images").format(count=format_count(images))] if images else [])]
    if found.get("tuned"):
        told.append(_("each at its best learning rate"))
    return {
        "new": format_percent(new, decimals),
        "old": format_percent(old, decimals),
        "change": signed_points(printed_difference(found["difference"], new, old, decimals), decimals),
        "interval": _("95 % interval {low} to {high}").format(low=low, high=high),
        "basis": ", ".join(told),
    }


def _advice(case: tuple[str, str, str], found: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    if case == ONE_SEED:
        return " " + _("Its interval knows the test images but not the luck of training: take 2 seeds or more.")
    return " " + _settling(found, spec) if case == UNCLEAR else ""


def _settling(found: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Return what people can do to settle an answer: more seeds; more test images, where the images are their own.

    Of a run of an earlier version, which does not know how its interval came about, that more seeds help.
    """
    needed, narrower = what_would_settle(found), _("More seeds narrow the interval.")
    if needed is None:
        return narrower
    ways = [_("about {seeds} seeds").format(seeds=needed.seeds)] if (needed.seeds or math.inf) <= MOST_SEEDS_OFFERED else []
    if needed.images and OWN_NAME.fullmatch((spec.get("dataset") or {}).get("name", "")):
        images, now = format_count(float(f"{needed.images:.2g}")), format_count(found["spread"]["count"])
        ways.append(_("about {count} test images in place of {now}").format(count=images, now=now))
    if not ways:
        sentence = _("{narrower} Yet even {most} would probably not settle it: this difference is small against the noise.")
        return sentence.format(narrower=narrower, most=MOST_SEEDS_OFFERED)
    sentence = _("Take {ways} to settle it: enough in {chance:.0f} of 10 repeats, if the true difference is the one measured.")
    return sentence.format(ways=_(", or ").join(ways), chance=10 * CHANCE)


def _remark(found: Mapping[str, Any], *, members: int = 1) -> str:
    sentences = {
        "teacher": _("One teacher for all seeds: how far another one would be is not in the interval."),
        "original": _("One original for all seeds: how another one would fare is not in the interval."),
    }
    if found.get("fixed") == "teacher" and members > 1:
        return _("The same {count} teachers for all seeds: how far others would be is not in the interval.").format(count=members)
    return sentences.get(found.get("fixed") or "", "")


def _accuracy(result: Mapping[str, Any], role: str) -> str:
    return format_percent(result["models"][role]["accuracy"], result_decimals(result))


def points(tolerance: float) -> str:
    """Return a loss of accuracy, 0 to 1, in points with the noun: 1 point, 2.5 points."""
    number = f"{100 * tolerance:.3g}"
    return _("1 point") if number == "1" else _("{number} points").format(number=number)
