"""The questions that a finished run answers, each with its answer and what it stands on, in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compression.charts.numbers import format_count, format_percent, format_points
from compression.errors import SpecError
from compression.fields import check_scheme
from compression.measure.settling import CHANCE, MOST_SEEDS, what_would_settle
from compression.roles import role_title
from compression.runs.records import Run
from compression.schemes import OFFLINE, SCHEMES
from compression.texts import gettext as _
from compression.texts import mark
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
SMALLEST_SHOWN = 0.0005  # of a difference that does not read 0.0 points


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
    found, images = result.get("verdict"), result.get("images", {}).get("test")
    if kind == "compress":
        return [_compression(found, result, spec, images)] if found else []
    answers = [_help(found, result, spec, images)]
    against_teacher = result.get("teacher_verdict")
    return [*answers, _distance(against_teacher, result, spec, images)] if against_teacher else answers


def _help(found: Mapping[str, Any] | None, result: Mapping[str, Any], spec: Mapping[str, Any], images: int | None) -> Verdict:
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
    case, numbers = _case(found), {"whom": whom, **_numbers(found, images)}
    if case == EQUAL:
        sentence = _("With and without {whom} the student gets the same test images right, at every seed ({basis}).")
        return Verdict(question, *_shown(case), sentence.format(**numbers))
    sentence = _("Test accuracy {new} with {whom}, {old} without: {change} points ({interval}; {basis}).")
    if rival != "baseline":
        sentence = _("Test accuracy {new} with {whom}, {old} {rival}: {change} points ({interval}; {basis}).")
        numbers |= {"rival": role_title(rival, titles(spec)).lower()}
    told = sentence.format(new=_accuracy(result, "student"), old=_accuracy(result, rival), **numbers)
    if case == NO:
        told = _("It does harm.") + " " + told
    lost = lost_seeds(("student", rival), result, spec)
    remark = _remark(found) if rival == "baseline" else _on_images(result)
    return Verdict(question, *_shown(case), f"{told} {lost}" if lost else told + _advice(case, found), remark)


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


def _distance(found: Mapping[str, Any], result: Mapping[str, Any], spec: Mapping[str, Any], images: int | None) -> Verdict:
    tolerance = found.get("tolerance", USUAL_TOLERANCE)
    whom = _whom(spec)
    question = _("Is the student within {points} of its {whom}?").format(points=points(tolerance), whom=whom)
    if not tolerance:
        question = _("Is the student as accurate as its {whom}?").format(whom=whom)
    remark = _remark(found, members=result["models"]["teacher"].get("members", 1))
    case, numbers = _case(found), _numbers(found, images)
    if case == EQUAL:
        sentence = _("Student and {whom} get the same test images right, at every seed ({basis}).")
        return Verdict(question, *_shown(case), sentence.format(whom=whom, **numbers), remark)
    sentence = _("Test accuracy {new} against the {whom}'s {old}: {change} points ({interval}; {basis}).")
    told = sentence.format(whom=whom, new=_accuracy(result, "student"), old=_accuracy(result, "teacher"), **numbers)
    return Verdict(question, *_shown(case), told + _advice(case, found), remark)


def _compression(found: Mapping[str, Any], result: Mapping[str, Any], spec: Mapping[str, Any], images: int | None) -> Verdict:
    tolerance = found.get("tolerance", spec.get("tolerance", USUAL_TOLERANCE))
    question = _("Does compression cost at most {points}?").format(points=points(tolerance))
    if not tolerance:
        question = _("Is the compressed network as accurate as the original?")
    if learned_nothing("original", result, spec):
        sentence = _("Its test accuracy of {old} is no better than guessing, which is right {odds}: there is nothing to lose.")
        told = sentence.format(old=_accuracy(result, "original"), odds=odds(spec))
        return Verdict(question, *_shown(UNTRAINED), f"{told} {advice(spec)}")
    case, numbers = _case(found), _numbers(found, images)
    if case == EQUAL:
        sentence = _("Original and compressed network get the same test images right, at every seed ({basis}).")
        return Verdict(question, *_shown(case), sentence.format(**numbers), _remark(found))
    told = _("{cost} Test accuracy {new} against the original's {old}: {change} points ({interval}; {basis}).").format(
        cost=_cost(found["difference"]), new=_accuracy(result, "compressed"), old=_accuracy(result, "original"), **numbers
    )
    return Verdict(question, *_shown(case), told + _advice(case, found), _remark(found))


def _cost(difference: float) -> str:
    if abs(difference) < SMALLEST_SHOWN:
        return _("Compression costs nothing that shows.")
    sentence = _("Compression gains {points} points.") if difference > 0 else _("Compression costs {points} points.")
    return sentence.format(points=format_points(abs(difference)))


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


def _numbers(found: Mapping[str, Any], images: int | None) -> dict[str, str]:
    low, high = found["interval"]
    seeds = _("one seed") if found["seeds"] == 1 else _("{seeds} seeds").format(seeds=found["seeds"])
    told = [seeds, *([_("{count} test images").format(count=format_count(images))] if images else [])]
    if found.get("tuned"):
        told.append(_("each at its best learning rate"))
    interval = _("95 % interval {low} to {high}").format(low=signed_points(low), high=signed_points(high))
    return {"change": signed_points(found["difference"]), "interval": interval, "basis": ", ".join(told)}


def _advice(case: tuple[str, str, str], found: Mapping[str, Any]) -> str:
    if case == ONE_SEED:
        return " " + _("Its interval knows the test images but not the luck of training: take 2 seeds or more.")
    if case == UNCLEAR:
        return " " + _("The answer lies within the noise.") + " " + _settling(found)
    return ""


def _settling(found: Mapping[str, Any]) -> str:
    """Return how many seeds or test images would settle an answer; of a run of an earlier version that more seeds help."""
    if (needed := what_would_settle(found)) is None:
        return _("More seeds narrow the interval.")
    images = format_count(float(f"{needed.images:.2g}")) if needed.images else ""
    ways = [_("about {seeds} seeds").format(seeds=needed.seeds)] if needed.seeds else []
    ways += [_("about {count} test images").format(count=images)] if images else []
    if not ways:
        ways = [_("more than {seeds} seeds").format(seeds=MOST_SEEDS)]
    sentence = _("If the true difference is what was measured, {ways} would settle it in {chance:.0f} % of repeats.")
    return sentence.format(ways=_(" or ").join(ways), chance=100 * CHANCE)


def _remark(found: Mapping[str, Any], *, members: int = 1) -> str:
    sentences = {
        "teacher": _("One teacher for all seeds: how far another one would be is not in the interval."),
        "original": _("One original for all seeds: how another one would fare is not in the interval."),
    }
    if found.get("fixed") == "teacher" and members > 1:
        return _("The same {count} teachers for all seeds: how far others would be is not in the interval.").format(count=members)
    return sentences.get(found.get("fixed") or "", "")


def _accuracy(result: Mapping[str, Any], role: str) -> str:
    return format_percent(result["models"][role]["accuracy"])


def points(tolerance: float) -> str:
    """Return a loss of accuracy, 0 to 1, in points with the noun: 1 point, 2.5 points."""
    number = f"{100 * tolerance:.3g}"
    return _("1 point") if number == "1" else _("{number} points").format(number=number)


def signed_points(difference: float) -> str:
    """Return a difference of two ratios in percentage points with its sign: +2.1, −0.3, 0.0."""
    text = format_points(difference)
    return text if text.startswith("−") or text == "0.0" else f"+{text}"
