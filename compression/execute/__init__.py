"""One run as events: the same for the page, the command line, a test and a cluster node."""

from collections.abc import Iterator

import torch

from compression import given, networks
from compression.events import Event
from compression.execute.compress import compress
from compression.execute.distill import distill
from compression.networks import Workspace
from compression.objective import build_objective, check_comparison
from compression.schemes import teacher_dataset
from compression.spec import DistillSpec, Spec
from compression.steps.possible import check_network

__all__ = ["Event", "Workspace", "check_references", "execute"]


def execute(spec: Spec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a run; the last one is its result. Closing the generator stops the run.

    Executing again in the same folder goes on where the last execution stopped, to the same numbers.

    Raises:
        LabError: an expected failure, in one sentence.
    """
    workspace.folder.mkdir(parents=True, exist_ok=True)
    yield from distill(spec, workspace) if isinstance(spec, DistillSpec) else compress(spec, workspace)


def check_references(spec: Spec, workspace: Workspace) -> None:
    """Make sure that networks of earlier runs or of files exist, fit the dataset of their spec and can be compared by its loss.

    Raises:
        NotFoundError: one does not exist.
        DataError: one cannot be read, or was made for other data.
        SpecError: the loss has nothing to compare in it, or a step cannot work on it.
    """
    choice = spec.teacher if isinstance(spec, DistillSpec) else spec.model
    if choice is None:
        return
    dataset = teacher_dataset(spec) if isinstance(spec, DistillSpec) else spec.dataset
    given.check(choice, dataset, workspace)
    if "run" in choice:
        path = networks.find_artifact(choice, workspace)
        facts = networks.facts_in(path)
        if isinstance(spec, DistillSpec):
            student, name, edits = spec.student, spec.dataset["name"], facts.get("edits", ())
            if spec.loss:
                objective, there = build_objective(spec.loss), dataset["name"]
                check_comparison(objective, student, facts["architecture"], name, edits, teacher_dataset=there)
        else:
            with torch.device("meta"):  # no memory is taken and nothing is computed
                done = [step for step in facts.get("steps", ()) if isinstance(step, dict)]
                check_network(spec.steps, networks.construct_from(facts, path.name), done)
