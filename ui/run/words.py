"""What runs are called and how they stand, in words."""

import functools
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compression.catalog import Registry
from compression.charts.numbers import format_milliseconds, format_percent, format_seconds
from compression.data.own.stored import called
from compression.distillation import DISTILLATION, teacher_free
from compression.errors import LabError
from compression.fields import unused_fields
from compression.measure.speed import latency_evidence
from compression.models import MODELS, WEIGHTS
from compression.roles import role_title, roles_in_order
from compression.runs.records import Run
from compression.schemes import OFFLINE, SCHEMES, before, learns_elsewhere, role_titles, roles
from compression.spec import parse
from compression.steps import STEPS
from compression.texts import gettext as _
from compression.texts import mark
from ui.form.labels import SHARES
from ui.run.waiting import waiting_text
from ui.server.identity import display_name

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
SOON_S = 0.1
SPECS_CACHED = 256
MARKDOWN = "\\`*_{}[]()#+-.!:$|~<>&"


@dataclass(frozen=True)
class State:
    """How a state is shown: its word, an icon, a colour and a sign for tables; never by colour alone."""

    title: str
    icon: str
    colour: str
    sign: str


STATES = {
    "queued": State(mark("Queued"), ":material/hourglass_empty:", "gray", "◌"),
    "running": State(mark("Running"), ":material/play_circle:", "blue", "▶"),
    "finished": State(mark("Finished"), ":material/check_circle:", "green", "✔"),
    "failed": State(mark("Failed"), ":material/error:", "red", "✖"),
    "cancelled": State(mark("Cancelled"), ":material/cancel:", "gray", "■"),
    "interrupted": State(mark("Interrupted"), ":material/pause_circle:", "orange", "❙❙"),
}
KNOBS = {"lr": mark("learning rate")}
KINDS = {"distill": mark("Distillation"), "compress": mark("Compression")}


def sign(state: State) -> str:
    """Return a state's word with its sign, so that it is not known by colour alone."""
    return f"{state.sign} {_(state.title)}"


def kind_title(kind: str) -> str:
    """Return what a kind of run is called; an unknown kind's own name."""
    return _(KINDS[kind]) if kind in KINDS else kind


def what(run: Run) -> str:
    """Return what a run does, in a few words: its networks, after its title if it has one."""
    return f"{run.title}: {networks(run)}" if run.title else networks(run)


def networks(run: Run) -> str:
    """Return which networks a run is about, in a few words."""
    spec = run.spec
    if run.kind == "distill" and not has_teacher(spec):
        return _("{student}, without a teacher").format(student=network(spec.get("student")))
    if run.kind == "distill":
        sentence = _("{student} and {teacher} learn together") if together(spec) else _("{student} learns from {teacher}")
        told = sentence.format(teacher=network(spec.get("teacher")), student=network(spec.get("student")))
        task = other_task(spec)
        return _("{told} of another task, {data}").format(told=told, data=called(task)) if task else told
    if run.kind == "compress":
        return _("{model}, compressed").format(model=network(spec.get("model")))
    return kind_title(run.kind)


def together(spec: Mapping[str, Any]) -> bool:
    """Tell whether a distillation trains its teacher along with the student, as a peer, and not before."""
    chosen = spec.get("scheme")
    name = chosen.get("name") if isinstance(chosen, Mapping) else OFFLINE["name"]
    return name in SCHEMES and "before" not in SCHEMES[name].traits and has_teacher(spec)


def other_task(spec: Mapping[str, Any]) -> str:
    """Return the name of the dataset that a distillation's teacher is trained on, where it is not the student's."""
    scheme = spec.get("scheme")
    if not isinstance(scheme, Mapping) or scheme.get("name") not in SCHEMES:
        return ""
    return str(scheme.get(SCHEMES[scheme["name"]].traits.get("teacher_dataset"), ""))


def has_teacher(spec: Mapping[str, Any]) -> bool:
    """Tell whether a distillation has a teacher, trained before or along: some schemes and losses have none."""
    scheme, loss = spec.get("scheme") or OFFLINE, spec.get("loss")
    try:
        return "teacher" not in unused_fields(scheme) and not (scheme == OFFLINE and loss is not None and teacher_free(loss))
    except (LabError, KeyError, TypeError):  # a spec of another version
        return True


def titles(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what a run's scheme calls roles that have other names than the usual ones."""
    return role_titles(spec.get("scheme"))


def expected_roles(kind: str, spec: Mapping[str, Any]) -> list[str]:
    """Return the roles whose curves a run has or will have, so that its legend stands from the start."""
    return ["original", "compressed"] if kind == "compress" else list(_roles(json.dumps(spec, sort_keys=True)))


@functools.lru_cache(maxsize=SPECS_CACHED)
def _roles(spec: str) -> tuple[str, ...]:
    try:
        parsed = parse(json.loads(spec))
        apart = before(parsed) if learns_elsewhere(parsed) else {}
        return tuple(roles_in_order(role for role in roles(parsed, baseline=parsed.baseline) if role not in apart))
    except (LabError, AttributeError):  # a spec of another version
        return "teacher", "baseline", "student"


def network(architecture: Any) -> str:
    """Return a network's name for people, also where it is one that an earlier run made."""
    if isinstance(architecture, Mapping) and "run" in architecture:
        role = role_title(str(architecture.get("role", "")))
        return _("{role} of run {run}").format(role=role, run=architecture["run"])
    if not isinstance(architecture, Mapping):
        return "?"
    called = _called(MODELS, architecture)
    return _("{network}, weights of a file").format(network=called) if WEIGHTS in architecture else called


def dataset(run: Run) -> str:
    """Return the name of the dataset of a run."""
    chosen = run.spec.get("dataset")
    return called(str(chosen.get("name", ""))) if isinstance(chosen, Mapping) else ""


def settings_text(spec: Mapping[str, Any]) -> str:
    """Return the methods of a run with their numbers: `KD (Hinton, temperature 4, alpha 0.9)`, or a compression's steps."""
    fields = {"scheme": SCHEMES, "loss": DISTILLATION} if spec.get("kind") == "distill" else {"steps": STEPS}
    told = []
    for field, registry in fields.items():
        methods = spec.get(field)
        methods = methods if isinstance(methods, list) else [methods]
        told += [_called(registry, method) for method in methods if isinstance(method, Mapping)]
    return " · ".join(told)


def _called(registry: Registry, method: Mapping[str, Any]) -> str:
    """Return a method's title with its numbers in brackets."""
    name = str(method.get("name", "?"))
    title = _(registry[name].title) if name in registry else name
    numbers = [f"{knob_name(knob)} {shown}" for knob, value in method.items() if (shown := _number(knob, value))]
    told = ", ".join([*_chosen(registry, method), *numbers])
    if not told:
        return title
    return f"{title[:-1]}, {told})" if title.endswith(")") else f"{title} ({told})"


def _chosen(registry: Registry, method: Mapping[str, Any]) -> list[str]:
    """Return the titles of the methods that a method is set to work with, where they are not the usual ones."""
    knobs = registry[method["name"]].knobs if method.get("name") in registry else {}
    choices = {knob: method.get(knob) for knob in knobs if knobs[knob].registry is not None}
    names = {knob: choice.get("name") if isinstance(choice, Mapping) else choice for knob, choice in choices.items()}
    return [
        _(knobs[knob].registry[name].title)
        for knob, name in names.items()
        if name is not None and name != knobs[knob].default and name in knobs[knob].registry
    ]


def latency_text(model: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    """Return the median latency of a role, and that it is simulated or not reliable where it is.

    Args:
        model: the role as a result describes it.
        models: all roles of the result.
    """
    text, how = format_milliseconds(model["latency_ms"]["median"]), latency_evidence(model, models)
    if how == "simulated":
        return _("{latency} (simulated)").format(latency=text)
    return _("{latency} (not reliable)").format(latency=text) if how == "disturbed" else text


def knob_name(knob: str) -> str:
    """Return what a setting is called within a sentence."""
    return _(KNOBS[knob]) if knob in KNOBS else knob.replace("_", " ")


def _number(knob: str, value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return format_percent(value).replace(".0 %", " %") if knob in SHARES else f"{value:g}"


def owner_text(person: str, viewer: str) -> str:
    """Return who owns a run, for the one who looks at it."""
    return _("you") if person == viewer else display_name(person)


def age_text(created: float) -> str:
    """Return how long ago something happened, roughly."""
    seconds = max(0.0, time.time() - created)
    if seconds < MINUTE_S:
        return _("just now")
    if seconds < HOUR_S:
        return _("{minutes:.0f} min ago").format(minutes=seconds // MINUTE_S)
    if seconds < DAY_S:
        return _("{hours:.0f} h ago").format(hours=seconds // HOUR_S)
    return _("{days:.0f} d ago").format(days=seconds // DAY_S)


def time_left(run: Run) -> str:
    """Return how long a run still takes; nothing where that is not known, as when all training is over."""
    if run.seconds_left is None or run.seconds_left < SOON_S:
        return ""
    return _("{time} left").format(time=format_seconds(run.seconds_left))


def progress_text(run: Run) -> str:
    """Return where a run is, or how it ended: its stage and time left, its reason, or how long it took."""
    if run.state == "queued":
        return waiting_text(run)
    if run.state == "running":
        stage = _("cancelling") if run.cancelling else run.stage
        return ", ".join(filter(None, [stage, time_left(run)]))
    if run.state == "finished":
        return _("took {time}").format(time=format_seconds(run.seconds))
    return run.error or ""


def command_line(spec: Mapping[str, Any]) -> str:
    """Return the command that runs the same spec on the command line."""
    return f"echo {shlex.quote(json.dumps(spec))} | python -m compression run -"


def as_text(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in MARKDOWN else letter for letter in text)
