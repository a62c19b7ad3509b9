"""What an own dataset is, in words: counts, sizes, and what was left out and why."""

from collections.abc import Mapping
from typing import Any

from compression.data.arrays import held_out
from compression.data.own.bring import LEAKED, NO_TEST, UNUSED
from compression.data.own.folders import VALIDATION_JOINED
from compression.texts import gettext as _
from compression.texts import mark, ngettext

TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"
NOTES = {
    NO_TEST: mark("There is no part for the test: a fifth of each class, drawn once, is kept for it."),
    VALIDATION_JOINED: mark(
        "The part for validation counts as training images, of which each run draws its own validation images."
    ),
    LEAKED: mark("Some test images are training images too: accuracy on the test says more than it should."),
    UNUSED: mark("Arrays of other names are not used."),
}


def counts(facts: Mapping[str, Any]) -> str:
    """Return how many classes and images there are, and how many of these a run sets aside."""
    told = {"classes": len(facts["class_names"]), "train": sum(facts["train"]), "test": sum(facts["test"])}
    sentence = _("{classes} classes, {train:,} training images, of which {aside:,} are for validation, {test:,} test images")
    return sentence.format(**told, aside=held_out(facts["train"]))


def resized(facts: Mapping[str, Any]) -> str:
    """Return what the images were brought to, and from which sizes."""
    channels, height, width = facts["shape"]
    colour = _("colour") if channels == 3 else _("grey")
    size = TIMES.join((str(width), str(height)))
    small, large = (TIMES.join(map(str, facts[key])) for key in ("smallest", "largest"))
    if small == large == size:
        return _("{size} pixels, {colour}, as they came").format(size=size, colour=colour)
    came = small if small == large else _("{small} to {large}").format(small=small, large=large)
    sentence = _("{size} pixels, {colour}: the centre square of each, resized; they came with {came} pixels")
    return sentence.format(size=size, colour=colour, came=came)


def left_out(facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each reason for which files were left out."""
    lines = []
    for reason, count, name in facts["skipped"]:
        several = ngettext("{count:,} file, {name}: {reason}", "{count:,} files, such as {name}: {reason}", count)
        lines.append(several.format(count=count, name=name, reason=_(reason)))
    return lines


def notes(facts: Mapping[str, Any]) -> list[str]:
    """Return sentences on how the images were taken."""
    return [_(NOTES[code]) for code in facts["notes"] if code in NOTES]
