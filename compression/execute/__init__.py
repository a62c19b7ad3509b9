"""One run as events: the same for the page, the command line, a test and a cluster node."""

from collections.abc import Iterator

from compression import networks
from compression.events import Event
from compression.execute.compress import compress
from compression.execute.distill import distill
from compression.networks import Workspace
from compression.objective import build_objective, check_comparison
from compression.spec import DistillSpec, Spec

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
    """Make sure that the networks which a spec takes from earlier runs exist, fit its dataset and can be compared by its loss.

    Raises:
        NotFoundError: one does not exist.
        DataError: one cannot be read, or was made for other data.
        SpecError: the loss has nothing to compare in it.
    """
    choice = spec.teacher if isinstance(spec, DistillSpec) else spec.model
    if "run" in choice:
        networks.check_reference(choice, spec.dataset, workspace)
        if isinstance(spec, DistillSpec) and spec.loss:
            teacher = networks.facts_in(networks.find_artifact(choice, workspace))["architecture"]
            check_comparison(build_objective(spec.loss), spec.student, teacher, spec.dataset["name"])
