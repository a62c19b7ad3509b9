"""Parameters and the layer table: what each layer holds, and what it costs."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from compression.export.compact import payload_bytes
from compression.export.layouts import Record
from compression.measure.macs import macs_by_layer
from compression.observers.fake_quantize import activation_grids
from compression.observers.observer import ActivationGrid

FULL_BITS = 32


def parameters(model: nn.Module) -> int:
    """Return how many parameters a network has; shared ones count once, buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzero(model: nn.Module) -> int:
    """Return how many parameters are not exactly zero."""
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def layer_table(model: nn.Module, shape: tuple[int, ...], records: Sequence[Record] | None = None) -> list[dict[str, Any]]:
    """Return a row for each layer that holds tensors or multiplies: layer, kind, shape, parameters, nonzero, bits, bytes, macs.

    Layers whose inputs are rounded have `activation_bits`, `activation_low` and `activation_high` too, the ends of their grid.

    Args:
        shape: of one example, (C, H, W).
        records: those of the network's compact file (its header's `tensors`); the rows' bytes sum to that file's payload.
            Without them they are those of the tensors as they lie in memory, as in a safetensors file.
    """
    operations = macs_by_layer(model, shape)
    stored = {record["name"]: record for record in records or []}
    sizes = {name: payload_bytes(record) for name, record in stored.items()} if records else _sizes_in_memory(model)
    state, grids = model.state_dict(), activation_grids(model)
    rows, seen = [], set()
    for name, module in model.named_modules():
        own = [key for key in state if key.rpartition(".")[0] == name]
        if not own and name not in operations:
            continue
        fresh = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in seen]
        seen.update(id(parameter) for parameter in fresh)
        bits = min(stored.get(stored.get(key, {}).get("same", key), {}).get("bits", FULL_BITS) for key in own or [""])
        rows.append(
            {
                "layer": name,
                "kind": type(module).__name__,
                "shape": list(state[own[0]].shape) if own else [],
                "parameters": sum(parameter.numel() for parameter in fresh),
                "nonzero": sum(int(parameter.count_nonzero()) for parameter in fresh),
                "bits": bits,
                "bytes": sum(sizes[key] for key in own),
                "macs": operations.get(name, 0),
                **_activations(grids.get(name)),
            }
        )
    return rows


def _activations(grid: ActivationGrid | None) -> dict[str, Any]:
    return {"activation_bits": grid.bits, "activation_low": grid.low, "activation_high": grid.high} if grid else {}


def _sizes_in_memory(model: nn.Module) -> dict[str, int]:
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    sizes = {}
    for name, tensor in model.state_dict().items():
        first = seen.setdefault((tensor.data_ptr(), tuple(tensor.shape)), name)
        sizes[name] = tensor.nbytes if first == name else 0
    return sizes
