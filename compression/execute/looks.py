"""How often students ask their teacher, which decides whether a table of its answers pays."""

from compression.execute.tuning import tuning_trainings
from compression.spec import DistillSpec, Spec


def looks(spec: Spec) -> int:
    """Return how often the students of one teacher together look at each training image, in a run that nothing interrupts."""
    if isinstance(spec, DistillSpec):
        return spec.train["epochs"] * (len(spec.seeds) + len(tuning_trainings(spec, ["student"])))
    return sum(step["epochs"] for step in spec.steps if step.get("loss"))
