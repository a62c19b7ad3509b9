"""What a pipeline does without training."""

from collections.abc import Mapping, Sequence
from typing import Any

from compression.steps import STEPS


def at_once(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps that do not train, and in place of one that compresses while it trains the step that does so at once.

    Such a step names the other in its trait `at_once`; their knobs of the same name have the same values.
    """
    kept = []
    for step in steps:
        traits = STEPS[step["name"]].traits
        if not traits.get("trains"):
            kept.append(dict(step))
        elif other := traits.get("at_once"):
            kept.append({"name": other, **{name: value for name, value in step.items() if name in STEPS[other].knobs}})
    return kept
