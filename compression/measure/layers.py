"""Parameters and the layer table: what each layer holds, and what it costs."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from compression.export.compact import payload_bytes, plan_all
from compression.measure.macs import macs_by_layer
from compression.quantization.quantized import Quantized

FULL_BITS = 32


def parameters(model: nn.Module) -> int:
    """Return how many parameters a network has; shared ones count once, buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzero(model: nn.Module) -> int:
    """Return how many parameters are not exactly zero."""
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def layer_table(
    model: nn.Module, shape: tuple[int, ...], contents: Mapping[str, Tensor | Quantized] | None = None
) -> list[dict[str, Any]]:
    """Return a row for each layer that holds tensors: layer, kind, shape, parameters, nonzero, bits, bytes, macs.

    Args:
        shape: of one example, (C, H, W).
        contents: what the network's compact file holds (`State.contents()`); its rows' bytes sum to that file's payload.
            Without it they are those of the tensors as they lie in memory, as in a safetensors file.
    """
    operations = macs_by_layer(model, shape)
    sizes = _bytes_by_tensor(model, contents)
    state = model.state_dict()
    rows, seen = [], set()
    for name, module in model.named_modules():
        own = [key for key in state if key.rpartition(".")[0] == name]
        if not own:
            continue
        fresh = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in seen]
        seen.update(id(parameter) for parameter in fresh)
        held = next((contents[key] for key in own if contents and isinstance(contents[key], Quantized)), None)
        rows.append(
            {
                "layer": name,
                "kind": type(module).__name__,
                "shape": list(state[own[0]].shape),
                "parameters": sum(parameter.numel() for parameter in fresh),
                "nonzero": sum(int(parameter.count_nonzero()) for parameter in fresh),
                "bits": held.bits if held else FULL_BITS,
                "bytes": sum(sizes[key] for key in own),
                "macs": operations.get(name, 0),
            }
        )
    return rows


def _bytes_by_tensor(model: nn.Module, contents: Mapping[str, Tensor | Quantized] | None) -> dict[str, int]:
    if contents is not None:
        return {record["name"]: payload_bytes(record) for record in plan_all(contents)}
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    sizes = {}
    for name, tensor in model.state_dict().items():
        first = seen.setdefault((tensor.data_ptr(), tuple(tensor.shape)), name)
        sizes[name] = tensor.nbytes if first == name else 0
    return sizes
