"""Schemes: one file an arrangement of teachers and students, and what every scheme is given."""

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from compression.catalog import Knob, Registry
from compression.texts import mark as _

if TYPE_CHECKING:
    from torch import Tensor, nn

    from compression.distillation import Batch, Seen
    from compression.exits import Exit
    from compression.generated import Making
    from compression.teacher import Teacher

    Loss = Callable[[Seen, Sequence[Seen], Batch], dict[str, Tensor]]
    OwnLoss = Callable[[Seen, Seen | None, Batch], dict[str, Tensor]]

SCHEMES = Registry("compression.schemes", "scheme")
OFFLINE: dict[str, Any] = {"name": "offline"}
TEMPERATURE = Knob(
    _("How soft the probabilities are compared: 1 leaves them as they are"),
    low=0.5,
    high=50,
    step=0.5,
    logarithmic=True,
    symbol="T",
)
WEIGHT = Knob(_("Weight of the others' answers beside the labels"), low=0, high=10, step=0.25, symbol=r"\lambda")

Events = Generator[dict[str, Any], None, None]


class Asked(Protocol):
    """What the traits of a scheme read of a spec: the architectures (`name` and knobs), loss, scheme with its knobs."""

    dataset: dict[str, Any]
    teacher: dict[str, Any] | None
    student: dict[str, Any]
    loss: Any
    scheme: dict[str, Any]


def before(spec: Asked) -> dict[str, Any]:
    """Return the networks that a spec's scheme needs trained before the students, by role: architectures, or earlier runs'.

    A list is of several networks of a role, the first with seed 0, the next with seed 1.
    """
    return SCHEMES[spec.scheme["name"]].traits.get("before", lambda spec: {})(spec)


def each_before(spec: Asked) -> list[tuple[str, dict[str, Any], int]]:
    """Return each network that `before` names: its role, its architecture or earlier run, and its seed."""
    several = {role: choices if isinstance(choices, list) else [choices] for role, choices in before(spec).items()}
    return [(role, choice, choice.get("seed", seed)) for role, of in several.items() for seed, choice in enumerate(of)]


def teacher_dataset(spec: Asked) -> dict[str, Any]:
    """Return the dataset that the networks of `before` are trained on: the spec's, unless the scheme has a knob for another."""
    knob = SCHEMES[spec.scheme["name"]].traits.get("teacher_dataset")
    if knob is None:
        return spec.dataset
    return {"name": spec.scheme[knob], "train_images": None, "split_seed": spec.dataset.get("split_seed", 0)}


def learns_elsewhere(spec: Asked) -> bool:
    """Tell whether the networks of `before` are of another task than the student, so that nothing of theirs is compared."""
    return "teacher_dataset" in SCHEMES[spec.scheme["name"]].traits


def usual_fields(scheme: Any) -> dict[str, Any]:
    """Return what fields of a spec are with a scheme, by its name or with its knobs, where a spec says nothing of them."""
    name = scheme.get("name") if isinstance(scheme, Mapping) else scheme
    return copy.deepcopy(SCHEMES[name].traits.get("usual", {})) if isinstance(name, str) and name in SCHEMES else {}


def beside(spec: Asked) -> dict[str, dict[str, Any]]:
    """Return the architectures that a spec's scheme trains beside each student, by role."""
    return SCHEMES[spec.scheme["name"]].traits.get("beside", lambda spec: {})(spec)


def parts(spec: Asked) -> dict[str, dict[str, Any]]:
    """Return the architectures of the networks that are parts of each student and come with its training, by role."""
    return SCHEMES[spec.scheme["name"]].traits.get("parts", lambda spec: {})(spec)


def made_sizes(spec: Asked) -> dict[str, dict[str, int]]:
    """Return of each role that learns from made images `batch`, `steps` of an epoch and `width` of the generator, 0 for noise."""
    return SCHEMES[spec.scheme["name"]].traits.get("makes", lambda spec: {})(spec)


def rival(spec: Asked) -> str:
    """Return the role against which a student shows whether a spec's scheme helps: the trait `rival`, or the baseline."""
    return SCHEMES[spec.scheme["name"]].traits.get("rival", "baseline")


def roles(spec: Asked, *, baseline: bool = True) -> list[str]:
    """Return all roles of a spec's scheme in the order in which they are trained."""
    return [*before(spec), *beside(spec), *parts(spec), *(["baseline"] if baseline else []), "student"]


def role_titles(scheme: Any) -> Mapping[str, str]:
    """Return what a scheme, by its name or with its knobs, calls roles that have other names than the usual ones."""
    name = scheme.get("name", OFFLINE["name"]) if isinstance(scheme, Mapping) else scheme or OFFLINE["name"]
    return SCHEMES[name].traits.get("titles", {}) if name in SCHEMES else {}


@dataclass
class Learner:
    """A network as its seed begins it, which a training then leaves trained.

    Attributes:
        role: whose curves and files these are: "student", "baseline", or one of those that the scheme trains beside a student.
        name: of its checkpoint, and in the progress.
        architecture: `name` and knobs.
        model: on the device of the dataset.
        convergence: why its training has not converged, or None.
        beside: the networks that the scheme's trait `beside` names, by role, one of each for every student.
        edits: how its structure differs from the architecture's, as its file will say.
        like: the teacher whose mean and deviation its inputs are normalized with; None for those of the run's dataset.
        exits: the early exits that are trained with it, by the roles of the networks that end there.
    """

    role: str
    seed: int
    lr: float
    name: str
    architecture: dict[str, Any]
    model: "nn.Module"
    convergence: str | None = None
    beside: "dict[str, Learner]" = field(default_factory=dict)
    edits: list[dict[str, Any]] = field(default_factory=list)
    like: "Teacher | None" = None
    exits: "dict[str, Exit]" = field(default_factory=dict)


class Lab(Protocol):
    """What a scheme works with; what trains is a generator of events, which the scheme yields."""

    def obtain(self, role: str) -> "Generator[dict[str, Any], None, Teacher | None]":
        """Return a network that the trait `before` names, trained on all images: by an earlier run, from the cache, or now.

        Where the trait names a list, the teacher's logits are those of all of them, (B, networks, K). Where it does not name the
        role, since nobody would learn from it, None.
        """

    def students(self, train: Callable[[Learner], Events], *, teacher: "Teacher | None" = None) -> Events:
        """Train every student of the run, and with each its baseline, in which no scheme has a hand.

        Where the spec says so, both roles first choose their learning rates, by trainings that do not count.

        Args:
            train: yields the events of the training of a student and of those beside it.
            teacher: the one with which the curves' agreement is measured.
        """

    def as_teacher(self, learner: Learner) -> "Teacher":
        """Return a network beside a student, once it is trained, as a teacher."""

    def inherit(self, learner: Learner, teacher: "Teacher", what: str) -> None:
        """Give a network, as it begins, a part of a teacher: its "channels" or its "layers"; the trait `inherits` says which."""

    def reuse_classifier(self, learner: Learner, teacher: "Teacher", *, factor: int) -> None:
        """Let a network end in a projector, which is part of it from then on, and the teacher's classifier, which does not train.

        Args:
            factor: how many times narrower than the teacher's embedding the projector is within.
        """

    def add_exits(self, learner: Learner, *, most: int) -> "list[Exit]":
        """Return heads after stages of a network, to be trained by the loss that it is trained with.

        The networks that end in them are those that the trait `parts` names.
        """

    def train(
        self,
        learner: Learner,
        *,
        teacher: "Teacher | None",
        loss: "OwnLoss | None" = None,
        needs: Sequence[str] = (),
        labels: float = 1.0,
    ) -> Events:
        """Train a network on the student's images with the spec's loss between it and a teacher.

        Args:
            teacher: None where the loss looks at none.
            loss: takes its place beside the labels: gives named terms, 0-d, of what the network shows, what the teacher shows
                and the batch. It may be a module, whose parameters are trained along.
            needs: what that loss sees beside logits, as the trait `needs` of a distillation loss.
            labels: what the labels weigh beside it.
        """

    def train_on_generated(self, learner: Learner, *, teacher: "Teacher", making: "Making") -> Events:
        """Train a network on made images alone; it takes inputs as the teacher does, whose mean and deviation its file has."""

    def train_together(self, learners: Sequence[Learner], loss: "Loss | Sequence[Loss | None]") -> Events:
        """Train networks on the student's images at the same time, each with the labels and a loss against the others' answers.

        Args:
            learners: a student and some of those beside it; the curve of the first has its agreement with the second.
            loss: gives named terms, 0-d, of what a network answers, what the others answer (without gradients) and the batch;
                or one for each learner, None for one that learns from the labels alone.
        """


def in_turn(lab: Lab, student: Learner, teacher: "Teacher") -> Events:
    """Train those beside a student in order and then the student, each with the spec's loss and the one before as its teacher."""
    for between in student.beside.values():
        yield from lab.train(between, teacher=teacher)
        teacher = lab.as_teacher(between)
    yield from lab.train(student, teacher=teacher)
