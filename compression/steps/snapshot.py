"""The state of a pipeline between two steps, as tensors and plain values that a checkpoint can hold."""

from dataclasses import fields
from typing import Any

from compression.edits.replay import apply
from compression.observers.fake_quantize import from_facts, to_facts
from compression.quantization.kinds import KINDS
from compression.quantization.quantized import Quantized
from compression.steps.state import State


def to_content(state: State) -> dict[str, Any]:
    """Return all of a state but how it trains."""
    return {
        "model": state.model.state_dict(),
        "masks": state.masks,
        "latent": state.latent,
        "stopped": state.stopped,
        "edits": [*state.edits],
        "quantized": {name: _plain(levels) for name, levels in state.quantized.items()},
        "rounding": to_facts(state.model),
    }


def from_content(state: State, content: dict[str, Any]) -> None:
    """Set a state of the same network, with the first of its edits or all, to what `to_content` returned."""
    for edit in content.get("edits", state.edits)[len(state.edits) :]:
        apply(state, edit)
    state.model.load_state_dict(content["model"])
    state.masks, state.latent, state.stopped = content["masks"], content["latent"], content.get("stopped")
    from_facts(state.model, content.get("rounding", {}))
    state.quantized = {name: _levels(**levels) for name, levels in content["quantized"].items()}


def _plain(levels: Quantized) -> dict[str, Any]:
    return {"kind": levels.kind, **{field.name: getattr(levels, field.name) for field in fields(levels)}}


def _levels(*, kind: str = "even", **values: Any) -> Quantized:
    return KINDS[kind](**values)
