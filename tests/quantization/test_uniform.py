import itertools

import pytest
import torch

from compression.errors import DataError
from compression.quantization.uniform import uniform

WEIGHT = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 2, 0.1, 5, 1, 1]).view(
    -1, 1, 1, 1
)
BITS = range(1, 17)
GRIDS = [(scheme, group) for scheme in ("symmetric", "asymmetric") for group in ("tensor", "channel")]


@pytest.mark.parametrize(("scheme", "group"), GRIDS)
@pytest.mark.parametrize("bits", [2, 3, 4, 8, 15, 16])
def test_matches_fake_quantize(bits, scheme, group):
    """Scale and zero point from their definitions, in double precision; rounding by torch's own kernels."""
    high = 2 ** (bits - 1) - 1 if scheme == "symmetric" else 2**bits - 1
    low = -high if scheme == "symmetric" else 0
    rows = WEIGHT.flatten(1) if group == "channel" else WEIGHT.reshape(1, -1)
    if scheme == "symmetric":
        scale = (rows.double().abs().amax(1) / high).float()
        zero = torch.zeros(len(rows), dtype=torch.int32)
    else:
        smallest = rows.double().amin(1)
        scale = ((rows.double().amax(1) - smallest) / high).float()
        zero = (-smallest / scale).round().int()
    held = uniform(WEIGHT, bits=bits, scheme=scheme, group=group, clip="minmax")
    torch.testing.assert_close(held.scale, scale, rtol=1e-6, atol=0)
    assert torch.equal(held.zero_point, zero)
    assert (held.low, held.high, held.bits) == (low, high, bits)
    if group == "channel":
        expected = torch.fake_quantize_per_channel_affine(WEIGHT, held.scale, held.zero_point, 0, low, high)
    else:
        expected = torch.fake_quantize_per_tensor_affine(WEIGHT, held.scale[0], held.zero_point[0], low, high)
    step = held.scale.view(-1, 1, 1, 1)
    off = (held.dequantize() - expected).abs()
    # The kernels multiply by 1/scale where we divide: only a weight halfway between two levels may differ, and by one step.
    assert (off > 1e-3 * step).float().mean() < 0.01
    assert (off <= 1.001 * step).all()
    assert ((held.dequantize() - WEIGHT).abs() <= 0.501 * step + 1e-6).all()


def test_by_hand_symmetric():
    held = uniform(torch.tensor([[-6.0, 2.0, 0.9]]), bits=3, clip="minmax")
    assert held.levels.tolist() == [[-3, 1, 0]]
    assert held.scale.tolist() == [2.0]
    assert held.dequantize().tolist() == [[-6.0, 2.0, 0.0]]


def test_by_hand_asymmetric():
    held = uniform(torch.tensor([[-6.0, 2.0, 0.9]]), bits=3, scheme="asymmetric", clip="minmax")
    assert held.levels.tolist() == [[0, 7, 6]]
    assert held.zero_point.tolist() == [5]
    torch.testing.assert_close(held.dequantize(), torch.tensor([[-40 / 7, 16 / 7, 8 / 7]]))


def test_one_symmetric_bit_is_the_sign_times_the_mean():
    held = uniform(torch.tensor([[-6.0, 2.0, 0.9], [1.0, -1.0, 0.0]]), bits=1)
    torch.testing.assert_close(held.dequantize(), torch.tensor([[-8.9 / 3, 8.9 / 3, 8.9 / 3], [1.0, -1.0, 0.0]]))
    whole = uniform(WEIGHT, bits=1, group="tensor")
    torch.testing.assert_close(whole.dequantize(), WEIGHT.sign() * WEIGHT.abs().mean())
    # No other multiple of the sign is nearer (Rastegari et al. 2016, eq. 6).
    best = (whole.dequantize() - WEIGHT).square().sum()
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert (factor * whole.dequantize() - WEIGHT).square().sum() > best


def test_one_asymmetric_bit_has_two_values_and_one_is_zero():
    held = uniform(torch.tensor([[0.2, 0.9, 1.0], [-1.0, -0.2, 0.0]]), bits=1, scheme="asymmetric", clip="minmax")
    assert held.dequantize().tolist() == [[0.0, 1.0, 1.0], [-1.0, 0.0, 0.0]]


def test_by_hand_with_the_least_squared_error():
    weight = torch.tensor([[2.0, 1.0, 1.0, -1.0]])
    assert uniform(weight, bits=2).dequantize().tolist() == [[1.25, 1.25, 1.25, -1.25]]
    assert uniform(weight, bits=2, clip="minmax").dequantize().tolist() == [[2.0, 0.0, 0.0, 0.0]]


def test_normal_weights_have_the_error_of_the_best_even_quantizer():
    """Max 1960, "Quantizing for minimum distortion", table 2: three levels at steps of 1.224 leave 0.1902, seven 0.04686."""
    weight = torch.randn(1, 400_000, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    for bits, error in ((2, 0.1902), (3, 0.04686)):
        held = uniform(weight, bits=bits)
        assert float((held.dequantize() - weight).square().mean()) == pytest.approx(error, rel=0.01)
    assert float(uniform(weight, bits=2).scale) == pytest.approx(1.224, rel=0.01)


@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_no_scale_and_zero_point_of_a_fine_search_are_much_better(bits, scheme):
    rows = torch.randn(8, 60, generator=torch.Generator().manual_seed(bits)).abs_().mul_(torch.tensor([1.0, -0.4]).repeat(30))
    held = uniform(rows, bits=bits, scheme=scheme)
    found = (held.dequantize() - rows).square().sum(1)
    if bits == 1 and scheme == "symmetric":
        levels = torch.tensor([-1.0, 1.0])[None]
    else:
        lows = [held.low] if scheme == "symmetric" else [-zero for zero in range(held.high + 1)]
        levels = torch.stack([torch.arange(low, low + held.high - held.low + 1.0) for low in lows])
    largest = rows.abs().amax(1)
    best = torch.full_like(found, torch.inf)
    for share in torch.linspace(0.02, 1.0, 400):
        for grid in levels:
            values = grid[None, None] * (share * largest)[:, None, None]
            best = torch.minimum(best, (values - rows[..., None]).square().amin(-1).sum(1))
    assert (found <= 1.08 * best).all()


@pytest.mark.parametrize(("scheme", "group"), GRIDS)
def test_the_search_is_never_worse_than_the_largest_weight(scheme, group):
    for bits in BITS:
        errors = {
            clip: (uniform(WEIGHT, bits=bits, scheme=scheme, group=group, clip=clip).dequantize() - WEIGHT).square().sum()
            for clip in ("mse", "minmax")
        }
        assert errors["mse"] <= errors["minmax"] * (1 + 1e-5), bits
        if bits == 2:
            assert errors["mse"] < 0.8 * errors["minmax"]


def test_one_asymmetric_bit_no_longer_empties_a_layer():
    weight = torch.randn(16, 256, generator=torch.Generator().manual_seed(0)) / 16
    zeros = {
        clip: float((uniform(weight, bits=1, scheme="asymmetric", clip=clip).dequantize() == 0).float().mean())
        for clip in ("mse", "minmax")
    }
    assert zeros["minmax"] > 0.9
    assert zeros["mse"] < 0.75


@pytest.mark.parametrize(("scheme", "group"), GRIDS)
class TestEveryGrid:
    def test_pruned_weights_stay_exactly_zero(self, scheme, group):
        gone = torch.rand(WEIGHT.shape, generator=torch.Generator().manual_seed(1)) < 0.7
        pruned = WEIGHT.masked_fill(gone, 0)
        for bits in BITS:
            values = uniform(pruned, bits=bits, scheme=scheme, group=group).dequantize()
            assert (values[gone] == 0).all(), bits
            assert not values[gone].signbit().any(), bits

    @pytest.mark.parametrize("value", [0.0, 0.7, -0.7, 1e-30])
    def test_constant_weights_come_back(self, scheme, group, value):
        for bits, shape in itertools.product(BITS, [(4, 3), (1, 1), (5,), (2, 3, 1, 1)]):
            weight = torch.full(shape, value)
            held = uniform(weight, bits=bits, scheme=scheme, group=group)
            assert (held.scale > 0).all(), (bits, shape)
            torch.testing.assert_close(held.dequantize(), weight, rtol=1e-5, atol=0)

    def test_a_channel_of_zeros_among_others(self, scheme, group):
        weight = WEIGHT.clone()
        weight[2] = 0
        for bits in BITS:
            held = uniform(weight, bits=bits, scheme=scheme, group=group)
            assert (held.dequantize()[2] == 0).all(), bits
            assert torch.isfinite(held.scale).all(), bits

    def test_levels_lie_within_the_bits(self, scheme, group):
        for bits in BITS:
            held = uniform(WEIGHT, bits=bits, scheme=scheme, group=group)
            assert held.levels.min() >= held.low, bits
            assert held.levels.max() <= held.high, bits
            assert held.high - held.low < 2 ** max(bits, 2), bits
            assert held.dequantize()[0].unique().numel() <= 2**bits, bits
            assert len(held.scale) == (6 if group == "channel" else 1), bits

    def test_the_grid_stays_when_other_weights_are_put_on_it(self, scheme, group):
        mask = torch.rand(WEIGHT.shape, generator=torch.Generator().manual_seed(2)) < 0.5
        for bits in BITS:
            held = uniform(WEIGHT, bits=bits, scheme=scheme, group=group)
            other = held.nearest(WEIGHT * 3)
            assert torch.equal(other.scale, held.scale), bits
            assert other.levels.min() >= held.low, bits
            assert other.levels.max() <= held.high, bits
            assert torch.equal(held.nearest(held.dequantize()).levels, held.levels), bits
            assert torch.equal(held.masked(mask).dequantize(), held.dequantize().masked_fill(~mask, 0)), bits


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused(bad):
    weight = WEIGHT.clone()
    weight[0, 0, 0, 0] = bad
    with pytest.raises(DataError):
        uniform(weight)


def test_covers_half_a_step_beyond_the_ends():
    held = uniform(torch.tensor([[-6.0, 2.0, 0.9]]), bits=3)
    assert held.covers(torch.tensor([[-6.9, 7.1, 6.9]])).tolist() == [[True, False, True]]


@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric"])
@pytest.mark.parametrize("group", [16, 32, 64])
def test_groups_are_runs_of_a_channel_each_on_a_grid_of_its_own(group, scheme):
    weight = torch.randn(3, 5, 3, 3, generator=torch.Generator().manual_seed(3))
    values = uniform(weight, bits=3, group=group, scheme=scheme).dequantize()
    for channel, row in enumerate(weight.flatten(1)):
        parts = [uniform(part[None], bits=3, scheme=scheme, group="tensor").dequantize()[0] for part in row.split(group)]
        torch.testing.assert_close(values[channel].flatten(), torch.cat(parts), rtol=1e-5, atol=0)


def test_smaller_groups_cost_scales_and_lower_the_error():
    weight = torch.randn(4, 256, generator=torch.Generator().manual_seed(4))
    held = [uniform(weight, bits=3, group=group) for group in ("tensor", "channel", 128, 64, 32, 16)]
    assert [len(one.scale) for one in held] == [1, 4, 8, 16, 32, 64]
    errors = [float((one.dequantize() - weight).square().sum()) for one in held]
    assert errors == sorted(errors, reverse=True)
