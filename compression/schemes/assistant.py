"""Teacher assistants: networks of intermediate size that hand on what the teacher knows."""

from collections.abc import Mapping
from typing import Annotated, Any

from compression.catalog import Knob
from compression.errors import SpecError
from compression.models import MODELS, architecture_of
from compression.schemes import SCHEMES, Asked, Events, Lab, in_turn
from compression.texts import gettext
from compression.texts import mark as _


def between(teacher: Mapping[str, Any], student: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Return an architecture between two of one family: each knob is their geometric mean, or the choice nearest to it.

    Args:
        share: how far from the teacher towards the student, 0 to 1.

    Raises:
        SpecError: the two are of different families, or have lists of different lengths.
    """
    apart = [name for name in teacher if isinstance(teacher[name], list) and len(teacher[name]) != len(student.get(name, ()))]
    if teacher["name"] != student["name"] or apart:
        allowed = gettext("an assistant stands between teacher and student: both must be of one family ({name}) and equally deep")
        raise SpecError(f"student.{apart[0] if apart else 'name'}", student["name"], allowed.format(name=teacher["name"]))

    def middle(large: float, small: float) -> int | float:
        mean = large ** (1 - share) * small**share
        return round(mean) if isinstance(large, int) else mean

    def mixed(name: str) -> Any:
        large, small, knob = teacher[name], student[name], MODELS[teacher["name"]].knobs[name]
        if isinstance(large, list):
            return [middle(*pair) for pair in zip(large, small, strict=True)]
        if isinstance(large, (bool, str)) or not large > 0 < small:
            return large
        return min(knob.choices, key=lambda choice: abs(choice - middle(large, small))) if knob.choices else middle(large, small)

    return {"name": teacher["name"], **{name: mixed(name) for name in teacher if name != "name"}}


def assistants(spec: Asked) -> dict[str, dict[str, Any]]:
    """Return the architectures of a spec's assistants by role, from the largest to the smallest."""
    count = spec.scheme["assistants"]
    names = [f"assistant{place}" for place in range(1, count + 1)] if count > 1 else ["assistant"]
    teacher = architecture_of(spec.teacher)
    return {name: between(teacher, spec.student, place / (count + 1)) for place, name in enumerate(names, 1)}


@SCHEMES.register(
    title=_("Through teacher assistants"),
    source="Mirzadeh et al. 2020, arXiv:1902.03393, section 3",
    before=lambda spec: {"teacher": spec.teacher},
    beside=assistants,
    titles={"assistant": _("Assistant")},
    unused={"teacher.run": _("an assistant's size follows from the teacher's: name its architecture")},
)
def assistant(
    lab: Lab,
    *,
    assistants: Annotated[int, Knob(_("How many networks hand on what the teacher knows, one to the next"), low=1, high=4)] = 1,
) -> Events:
    """Trains an assistant, smaller than the teacher and larger than the student, with the teacher, and the student with it.

    Several assistants form a chain. Their widths lie between the teacher's and the student's in equal ratios: between 32 and 4
    one assistant has 11 (the paper chooses sizes by hand). All learn by the spec's loss, on the student's images, with its recipe
    and seed.
    """
    teacher = yield from lab.obtain("teacher")
    yield from lab.students(lambda student: in_turn(lab, student, teacher), teacher=teacher)
