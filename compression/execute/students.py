"""What a distillation offers its scheme: teachers, students of all seeds with their baselines, and their trainings."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from compression import events, networks
from compression.data.arrays import Dataset
from compression.events import Event
from compression.execute.shared import SharedTraining, Trained, shared_baseline
from compression.execute.teachers import obtain
from compression.execute.tuning import learning_rates, tuning_trainings
from compression.exits import Exit, add_exits, exits_seconds, network_of
from compression.export import weights
from compression.generated import Making, made_seconds, train_on_generated
from compression.gradients import epochs_measured
from compression.hooks import Hooks
from compression.inheritance import inherit
from compression.lab import Lab
from compression.measure.cost import cost
from compression.networks import Network
from compression.objective import Given, Loss, Objective, build_objective
from compression.recipe import RECIPE, Recipe, teacher_recipe
from compression.reuse import reuse_classifier, student_as_trained
from compression.roles import role_title
from compression.schemes import SCHEMES, Events, Learner, beside, each_before, made_sizes, parts, role_titles, teacher_dataset
from compression.spec import DistillSpec
from compression.teacher import Teacher
from compression.texts import gettext as _
from compression.together import Losses

Networks = dict[str, dict[int, Network]]

BESIDE_SEED = 104_729  # added to a student's seed for the weights beside it: two networks of one architecture shall differ


@dataclass
class Students:
    """The networks of one distillation: the `lab` of its scheme.

    Attributes:
        transfer: what students learn from, alone and with help.
        everyone: the trained networks of each role by seed, as they are read back from their files.
        rates: of each role of the student's architecture its learning rate `lr`, and what was `tried`.
        cached: the seeds of the baselines that an earlier run had trained.
    """

    spec: DistillSpec
    lab: Lab
    transfer: Dataset
    everyone: Networks = field(default_factory=dict)
    rates: dict[str, Any] = field(default_factory=dict)
    cached: set[int] = field(default_factory=set)
    _teacher: Teacher | None = None
    _teach: Callable[[Learner], Events] | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles of the student's architecture."""
        return ("baseline", "student") if self.spec.baseline else ("student",)

    def run(self) -> Events:
        """Yield the events of the whole scheme."""
        self._plan()
        yield from SCHEMES.bind(self.spec.scheme)(self)

    def _plan(self) -> None:
        """Count all trainings beforehand, so that the progress of the whole run is known from the start."""
        probe = student_as_trained(self.spec, self.lab.data, self.lab.workspace)
        others = {role: networks.build(choice, self.lab.data, seed=0) for role, choice in beside(self.spec).items()}
        names = [(role, f"{role}-seed{seed}") for role in self.roles for seed in self.spec.seeds]
        names += [(training.role, training.name) for training in tuning_trainings(self.spec, self.roles)]
        for _role, choice, seed in each_before(self.spec):
            dataset = teacher_dataset(self.spec)
            self.lab.on(dataset).plan(choice, teacher_recipe(dataset, self.spec.teacher_train, self.spec.train), seed)
        for role, name in names:
            self._count(role, name, probe, more=self._exits_seconds(role))
            for other, model in others.items() if role == "student" else ():
                self._count(other, _beside(name, other), model)

    def _count(self, role: str, name: str, model: nn.Module, more: float = 0.0) -> None:
        """Count one training, which a network of a role will have."""
        recipe, made = self._recipe(), made_sizes(self.spec).get(role)
        self.lab.progress.plan(name, model, self.transfer, recipe, more=more)
        if made is not None:
            teacher = networks.build(self.spec.teacher, self.lab.data, seed=0) if "run" not in self.spec.teacher else model
            costs = (cost(each, self.lab.data.shape) for each in (model, teacher))
            counts = {"validation_images": len(self.lab.data.validation), "device": self.lab.workspace.device}
            self.lab.progress.work[name] = made_seconds(*costs, recipe, made, self.lab.data.shape, **counts)

    def _exits_seconds(self, role: str) -> float:
        if role != "student" or not parts(self.spec):
            return 0.0
        counts = (self._recipe(), len(self.transfer.train), self.lab.workspace.device)
        return exits_seconds(self.spec.student, self.lab.data.name, self.spec.scheme["exits"], *counts)

    def _recipe(self, **changes: Any) -> Recipe:
        return replace(RECIPE.bind(self.spec.train)(), **changes)

    def obtain(self, role: str) -> Generator[Event, None, Teacher | None]:
        """Implement `schemes.Lab.obtain`."""
        found, teacher = yield from obtain(self.spec, self.lab, role, self.transfer)
        if teacher is not None:
            self.everyone[role] = found
        return teacher

    def students(self, train: Callable[[Learner], Events], *, teacher: Teacher | None = None) -> Events:
        """Implement `schemes.Lab.students`."""
        self._teach, self._teacher = train, teacher
        self.rates = yield from learning_rates(self.spec, self.lab, self.roles, self._trained)
        self.everyone |= {role: {} for role in (*beside(self.spec), *parts(self.spec), *self.roles)}
        seeds = self.spec.seeds
        for index, seed in enumerate(seeds, 1):
            for role in self.roles:
                text = _("{role}, seed {index} of {of}").format(role=self._who(role), index=index, of=len(seeds))
                yield events.stage(role, text, role=role, seed=seed, index=index, of=len(seeds))
                yield from self._finish(role, seed, self.rates[role]["lr"])

    def _who(self, role: str) -> str:
        """Return who is trained with a role: `Student, with “Peer”`."""
        titles = {each: role_title(each, role_titles(self.spec.scheme)) for each in (role, *beside(self.spec))}
        others = beside(self.spec) if role == "student" else {}
        return ", ".join([titles[role], *(_("with “{role}”").format(role=titles[other]) for other in others)])

    def as_teacher(self, learner: Learner) -> Teacher:
        """Implement `schemes.Lab.as_teacher`."""
        teacher = Teacher(learner.model, self.transfer, looks=self.spec.train["epochs"])
        if self._teacher is not None and self._teacher.same_task:
            # The agreement of all curves and of the result is that with one teacher, whoever taught a network.
            teacher.validation_choice = self._teacher.validation_choice
        return teacher

    def inherit(self, learner: Learner, teacher: Teacher, what: str) -> None:
        """Implement `schemes.Lab.inherit`."""
        inherit(learner.model, teacher.model, what)

    def reuse_classifier(self, learner: Learner, teacher: Teacher, *, factor: int) -> None:
        """Implement `schemes.Lab.reuse_classifier`."""
        shape = self.lab.data.shape
        learner.edits.append(reuse_classifier(learner.model, teacher.model, shape, factor=factor, seed=learner.seed))

    def add_exits(self, learner: Learner, *, most: int) -> list[Exit]:
        """Implement `schemes.Lab.add_exits`."""
        data = self.lab.data
        found = add_exits(learner.model, data.shape, data.classes, most=most, seed=learner.seed)
        learner.exits = dict(zip(parts(self.spec), found, strict=True))
        return found

    def train(
        self,
        learner: Learner,
        *,
        teacher: Teacher | None,
        loss: Loss | None = None,
        needs: Sequence[str] = (),
        labels: float = 1.0,
    ) -> Events:
        """Implement `schemes.Lab.train`."""
        given = Given(loss, tuple(needs), labels) if loss else None
        yield from self._train(learner, given or build_objective(self.spec.loss, self.spec.label_weight), teacher)

    def train_on_generated(self, learner: Learner, *, teacher: Teacher, making: Making) -> Events:
        """Implement `schemes.Lab.train_on_generated`."""
        learner.like = teacher
        place = {"role": learner.role, "seed": learner.seed, "key": learner.name}
        recipe, checkpoint = self._recipe(lr=learner.lr), self.lab.checkpoint(learner.name)
        training = train_on_generated(learner.model, teacher, recipe, making, seed=learner.seed, checkpoint=checkpoint)
        learner.convergence = yield from self.lab.tell(training, learner.model, recipe, checkpoint=checkpoint, **place)

    def train_together(self, learners: Sequence[Learner], loss: Losses) -> Events:
        """Implement `schemes.Lab.train_together`."""
        first = learners[0]
        ended = yield from self.lab.train_together(
            {learner.role: learner.model for learner in learners},
            self._recipe(lr=first.lr),
            loss,
            seed=first.seed,
            keys=[learner.name for learner in learners],
            checkpoint=self.lab.checkpoint(first.name),
            data=self.transfer,
        )
        for learner, convergence in zip(learners, ended, strict=True):
            learner.convergence = convergence

    def _train(self, learner: Learner, objective: Objective | Given | None, teacher: Teacher | None) -> Events:
        recipe = self._recipe(lr=learner.lr)
        measured = objective is not None and (learner.role, learner.seed) == ("student", self.spec.seeds[0])
        learner.convergence = yield from self.lab.train(
            learner.model,
            recipe,
            role=learner.role,
            seed=learner.seed,
            key=learner.name,
            objective=objective,
            teacher=teacher,
            checkpoint=self.lab.checkpoint(learner.name),
            data=self.transfer,
            hooks=Hooks(gradient_epochs=epochs_measured(recipe.epochs)) if measured else None,
        )

    def _begun(
        self, role: str, architecture: dict[str, Any], seed: int, lr: float, name: str, *, weights_seed: int | None = None
    ) -> Learner:
        model = networks.build(architecture, self.lab.data, seed=seed if weights_seed is None else weights_seed)
        return Learner(role, seed, lr, name, architecture, model.to(self.lab.workspace.device))

    def _trained(self, role: str, seed: int, lr: float, *, name: str) -> Generator[Event, None, Trained]:
        """Yield the events of one training; return the model and why it has not converged, or None."""
        learner = yield from self._learned(role, seed, lr, name)
        return learner.model, learner.convergence

    def _learned(self, role: str, seed: int, lr: float, name: str) -> Generator[Event, None, Learner]:
        """Yield the events of the training of a student and of those beside it, or of a baseline; return it."""
        learner = self.begin(role, seed, lr, name)
        yield from self._learn_alone(learner) if role == "baseline" else self._teach(learner)
        return learner

    def begin(self, role: str, seed: int, lr: float, name: str) -> Learner:
        """Return a student and those beside it, or a baseline, as their training begins."""
        learner = self._begun(role, self.spec.student, seed, lr, name)
        for place, (other, choice) in enumerate(beside(self.spec).items() if role == "student" else (), 1):
            started = self._begun(other, choice, seed, lr, _beside(name, other), weights_seed=seed + place * BESIDE_SEED)
            learner.beside[other] = started
        return learner

    def _learn_alone(self, baseline: Learner) -> Events:
        """Yield the events of a baseline's training; one that an earlier run trained is taken from the cache, with its curve."""
        shared = self._shared(baseline.seed, baseline.lr)
        if shared.cached:
            self.lab.progress.skip(baseline.name)
            self.cached.add(baseline.seed)
            found = yield from shared.replay(self.lab.data, role=baseline.role, seed=baseline.seed)
        else:
            found = yield from shared.record(self._alone(baseline), baseline.architecture, self.lab.data)
        baseline.model, baseline.convergence = found

    def _alone(self, baseline: Learner) -> Generator[Event, None, Trained]:
        yield from self._train(baseline, None, self._teacher)
        return baseline.model, baseline.convergence

    def _shared(self, seed: int, lr: float) -> SharedTraining:
        return shared_baseline(self.spec, self.lab.workspace.models, seed, lr)

    def _finish(self, role: str, seed: int, lr: float) -> Events:
        """Yield events until the networks of a role's seed lie in their files, and read them back."""
        path, name = self.lab.path(role, seed), f"{role}-seed{seed}"
        others = {**beside(self.spec), **parts(self.spec)} if role == "student" else {}
        if path.exists():
            for done in (name, *(_beside(name, other) for other in others)):
                self.lab.progress.skip(done)
        else:
            learner = yield from self._learned(role, seed, lr, name)
            # The student's file comes last: where it is, all are.
            for other in learner.beside.values():
                self._save(other)
            for of, early in learner.exits.items():
                ended = {"role": of, "model": network_of(learner.model, early), "edits": [*learner.edits, early.edit]}
                self._save(replace(learner, **ended))
            shared = self._shared(seed, lr)
            if role == "baseline" and shared.network.exists():
                networks.place(shared.network, path)
            else:
                self._save(learner)
            for each in (role, *others):
                yield events.artifact(self.lab.path(each, seed), each, seed)
        for each in (role, *others):
            self.everyone[each][seed] = self.lab.read(self.lab.path(each, seed))
            if each in parts(self.spec):
                yield events.metric(each, seed, None, self.everyone[each][seed].validated)

    def _save(self, learner: Learner) -> None:
        edits = {"edits": learner.edits} if learner.edits else {}
        facts = networks.facts_of(
            learner.architecture,
            learner.like.dataset if learner.like else self.lab.data,
            convergence=learner.convergence,
            **edits,
        )
        weights.save(self.lab.path(learner.role, learner.seed), learner.model, facts)


def _beside(student: str, role: str) -> str:
    """Return the name of the training of a role beside a student's, of which the name is given."""
    return f"{student}-{role}"
