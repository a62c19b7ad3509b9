"""Networks that compute in bfloat16 while their parameters stay float32, and which devices are made for it."""

from contextlib import AbstractContextManager, nullcontext

import torch

from compression.precision import BFLOAT16

# As torch.cpu.get_capabilities names them: of x86 the first two, of ARM the others.
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
FIRST_CUDA_CAPABILITY = (8, 0)


def is_native(device: str) -> bool:
    """Tell whether a device has instructions for bfloat16; others emulate it, many times slower than float32."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device) >= FIRST_CUDA_CAPABILITY
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in BFLOAT16_INSTRUCTIONS)


def computing_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which networks compute in a precision on a device, while their parameters stay float32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == BFLOAT16 else nullcontext()
