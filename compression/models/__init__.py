"""Networks: one file a family; each builds an `nn.Module` that returns logits."""

import re
from collections.abc import Mapping
from typing import Any

from compression.catalog import Registry

MODELS = Registry("compression.models", "model")
WEIGHTS, NEW_CLASSIFIER = "weights", "new_classifier"  # beside the name and the knobs of a network whose weights a file brings
WEIGHTS_ID = re.compile(r"[0-9a-f]{32}")


def architecture_of(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name and the knobs of a chosen network, without the file that its weights come from."""
    return {key: value for key, value in choice.items() if key not in (WEIGHTS, NEW_CLASSIFIER)}
