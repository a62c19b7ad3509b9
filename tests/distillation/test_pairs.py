"""Every loss that looks inside networks between every two of the zoo, without anything said about their layers."""

import functools
import itertools

import pytest
import torch

from compression.data import DATASETS
from compression.distillation import DISTILLATION, Batch, Seen
from compression.errors import SpecError
from compression.features import Layout, View, layout_of
from compression.models import MODELS
from compression.objective import build_objective
from compression.spec import parse
from tests.models.zoo import DIFFERENT

LOSSES = [entry.name for entry in DISTILLATION.values() if entry.traits.get("needs")]
ON_FEATURES = [name for name in LOSSES if "features" in DISTILLATION[name].traits["needs"]]
FLAT = ["lenet300", "mlp"]
NETWORKS = [name for name in DIFFERENT if name not in FLAT]
EXAMPLES = 4
BATCH = Batch(torch.zeros(EXAMPLES, 1, 8, 8), torch.tensor([0, 1, 2, 3]), torch.arange(EXAMPLES), step=0)


@functools.cache
def network(role: str, name: str) -> torch.nn.Module:
    torch.manual_seed(len(role))
    return MODELS[name].function(tuple(DATASETS["digits"].traits["shape"]), 10)


@functools.cache
def seen(role: str, name: str, look: Layout) -> Seen:
    inputs = torch.randn(EXAMPLES, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return View(network(role, name), look)(inputs).detach()


def leaf(what: Seen) -> Seen:
    embedding = None if what.embedding is None else what.embedding.clone().requires_grad_()
    return Seen(what.logits, tuple(maps.clone().requires_grad_() for maps in what.features), embedding)


def inside(what: Seen) -> list[torch.Tensor]:
    return [*what.features, *([] if what.embedding is None else [what.embedding])]


@pytest.mark.parametrize(("student", "teacher"), itertools.product(NETWORKS, NETWORKS))
def test_every_pair_can_be_compared_and_the_student_is_taught(student, teacher):
    layouts = [layout_of(MODELS.check({"name": name}, ""), "digits") for name in (student, teacher)]
    for loss in LOSSES:
        objective = build_objective(DISTILLATION.check({"name": loss}, "loss"))
        looks = objective.looks(*layouts)
        (compared,) = objective.build(*(look.probe(10) for look in looks), images=EXAMPLES)
        own, others = leaf(seen("own", student, looks[0])), leaf(seen("other", teacher, looks[1]))
        total = sum(compared(own, others, BATCH).values())
        total.backward()
        assert torch.isfinite(total), loss
        assert any(bool(seen.grad.any()) for seen in inside(own) if seen.grad is not None), loss
        assert all(torch.isfinite(seen.grad).all() for seen in inside(own) if seen.grad is not None), loss
        assert all(seen.grad is None for seen in inside(others)), loss


@pytest.mark.parametrize("loss", ON_FEATURES)
@pytest.mark.parametrize("role", ["student", "teacher"])
def test_a_network_without_feature_maps_is_a_sentence_before_anything_runs(loss, role):
    for flat in FLAT:
        with pytest.raises(SpecError, match=f"it compares feature maps, and the {role} has none"):
            parse({"kind": "distill", "loss": {"name": loss}, role: {"name": flat}})
