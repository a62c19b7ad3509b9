"""Networks: one file a family; each builds an `nn.Module` that returns logits."""

from compression.catalog import Registry

MODELS = Registry("compression.models", "model")
