import pytest
import torch

from compression.errors import DataError, SpecError
from compression.pruning.masks import make_masks, rank


def weights(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"conv": (6, 3, 3, 3), "middle": (8, 24), "out": (4, 8)}
    scales = {"conv": 1.0, "middle": 0.1, "out": 3.0}
    return {name: scales[name] * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def sizes(layers):
    return {name: weight.abs() for name, weight in layers.items()}


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 1 / 3, 0.5, 0.8, 0.99, 1.0])
def test_global_weights_match_a_sort_in_plain_python(sparsity):
    layers = weights()
    scored = [
        (abs(value), name, index) for name, weight in layers.items() for index, value in enumerate(weight.flatten().tolist())
    ]
    gone = {(name, index) for _score, name, index in sorted(scored, key=lambda item: item[0])[: round(sparsity * len(scored))]}
    masks = make_masks(sizes(layers), sparsity=sparsity)
    for name, mask in masks.items():
        assert mask.dtype == torch.bool
        assert mask.shape == layers[name].shape
        assert mask.flatten().tolist() == [(name, index) not in gone for index in range(mask.numel())]


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.9])
def test_each_layer_loses_its_own_smallest_weights(sparsity):
    layers = weights()
    for name, mask in make_masks(sizes(layers), sparsity=sparsity, scope="layer").items():
        size = layers[name].abs()
        assert int((~mask).sum()) == round(sparsity * mask.numel())
        if sparsity > 0:
            assert size[~mask].max() < size[mask].min()


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_channels_go_whole_lowest_mean_first_and_the_output_layer_stays(scope):
    layers = weights()
    masks = make_masks(sizes(layers), sparsity=0.5, granularity="channel", scope=scope)
    assert masks["out"].all()
    means = {name: layers[name].abs().flatten(1).mean(1) for name in ("conv", "middle")}
    kept = {name: masks[name].flatten(1).any(1) for name in means}
    for name in means:
        assert torch.equal(kept[name], masks[name].flatten(1).all(1))
    if scope == "layer":
        assert {name: int(rows.sum()) for name, rows in kept.items()} == {"conv": 3, "middle": 4}
        for name, mean in means.items():
            assert mean[~kept[name]].max() < mean[kept[name]].min()
    else:
        # The small layer loses all but its best row before the larger one loses any.
        assert int((~kept["conv"]).sum() + (~kept["middle"]).sum()) == 7
        assert kept["middle"].sum() == 1
        assert kept["middle"][means["middle"].argmax()]
        assert kept["conv"].all()


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_every_layer_keeps_its_best_channel_at_any_sparsity(scope):
    layers = weights()
    masks = make_masks(sizes(layers), sparsity=1.0, granularity="channel", scope=scope)
    for name in ("conv", "middle"):
        rows = masks[name].flatten(1).all(1)
        assert rows.sum() == 1
        assert rows[layers[name].abs().flatten(1).mean(1).argmax()]
    assert masks["out"].all()


def test_ties_go_by_layer_and_position():
    layers = {"a": torch.ones(2, 3), "b": -torch.ones(2, 2)}
    masks = make_masks(sizes(layers), sparsity=0.7)
    assert masks["a"].tolist() == [[False] * 3] * 2
    assert masks["b"].tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_higher_sparsity_removes_more_of_the_same(granularity, scope):
    ranking = rank(sizes(weights()), granularity=granularity, scope=scope)
    lower, higher = ranking.masks(0.4), ranking.masks(0.7)
    for name in lower:
        assert not (higher[name] & ~lower[name]).any()
    assert sum(int(mask.sum()) for mask in higher.values()) < sum(int(mask.sum()) for mask in lower.values())


def test_what_was_removed_stays_removed_and_counts():
    layers = weights()
    first = make_masks(sizes(layers), sparsity=0.5)
    # A criterion that would keep exactly what the first removed.
    contrary = {name: torch.where(mask, 0.1, 5.0) * torch.ones_like(layers[name]) for name, mask in first.items()}
    again = make_masks(contrary, sparsity=0.8, earlier=first)
    assert all(not (again[name] & ~first[name]).any() for name in first)
    total = sum(mask.numel() for mask in first.values())
    assert sum(int((~mask).sum()) for mask in again.values()) == round(0.8 * total)
    # Whatever the signs of the scores, what is gone goes first.
    signed = {name: torch.where(mask, -1.0, 5.0) * torch.ones_like(layers[name]) for name, mask in first.items()}
    for granularity in ("weight", "channel"):
        masks = make_masks(signed, sparsity=0.5, granularity=granularity, earlier=first)
        assert all(not (masks[name] & ~first[name]).any() for name in first)
        if granularity == "weight":
            assert all(torch.equal(masks[name], first[name]) for name in first)
    weaker = make_masks(contrary, sparsity=0.2, earlier=first)
    assert all(torch.equal(weaker[name], first[name]) for name in first)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(bad):
    layers = weights()
    layers["middle"][2, 3] = bad
    with pytest.raises(DataError, match="middle"):
        make_masks(sizes(layers), sparsity=0.5)


@pytest.mark.parametrize("sparsity", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(sparsity):
    with pytest.raises(SpecError, match="sparsity"):
        make_masks(sizes(weights()), sparsity=sparsity)
