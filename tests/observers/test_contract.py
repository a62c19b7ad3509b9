"""What every observer must do, whichever it is, and its grid against PyTorch's own and the closed form."""

import itertools
import json
from dataclasses import asdict

import pytest
import torch
from torch import nn
from torch.ao.quantization import MinMaxObserver, MovingAverageMinMaxObserver

from compression.catalog import Entry
from compression.errors import SpecError
from compression.observers import OBSERVERS
from compression.observers.fake_quantize import activation_grids, from_facts, set_activation_grids, to_facts
from compression.observers.observer import ActivationGrid
from compression.spec import override, parse

DRAW = torch.Generator().manual_seed(0)
BITS = (2, 3, 4, 8, 16)
SPANS = {
    "both signs": [torch.randn(32, 3, 4, 4, generator=DRAW) * size for size in (1, 3, 0.5)],
    "after a ReLU": [torch.randn(32, 6, generator=DRAW).relu() for _batch in range(3)],
    "all below zero": [-torch.rand(32, 6, generator=DRAW) - 2 for _batch in range(3)],
    "far above zero": [torch.rand(32, 6, generator=DRAW) + 100 for _batch in range(3)],
    "tiny": [1e-5 * torch.randn(32, 6, generator=DRAW)],
}
ROUNDING = 1e-3  # of a step: what single precision leaves to either side of halfway at 16 bits


@pytest.fixture(params=OBSERVERS.values(), ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest) -> Entry:
    return request.param


def variants(entry):
    yield {}
    for knob in entry.knobs.values():
        values = knob.choices or (knob.low, knob.high)
        yield from ({knob.name: value} for value in values if value != knob.default)


def seen(entry, batches, **knobs):
    observer = entry.function(**knobs)
    for batch in batches:
        observer.see(batch)
    return observer


@pytest.mark.parametrize("span", SPANS)
def test_the_grid_holds_zero_exactly_and_no_more_levels_than_its_bits(entry, span):
    batches = SPANS[span]
    for knobs, bits in itertools.product(variants(entry), BITS):
        grid = seen(entry, batches, **knobs).grid(bits)
        assert (grid.bits, grid.top) == (bits, 2**bits - 1)
        assert 0 <= grid.zero_point <= grid.top
        zero = grid.fake_quantize(torch.tensor([0.0, -0.0]))
        assert (zero == 0).all()
        rounded = grid.fake_quantize(torch.cat([batch.flatten() for batch in batches]))
        assert rounded.unique().numel() <= 2**bits
        levels = (rounded.double() / grid.scale + grid.zero_point).round()
        assert 0 <= levels.min() <= levels.max() <= grid.top
        assert grid.low * (1 + 1e-6) <= rounded.min() <= rounded.max() <= grid.high * (1 + 1e-6)


@pytest.mark.parametrize("span", SPANS)
def test_the_grid_covers_what_was_seen_and_reaches_no_further(entry, span):
    """Within half a step, since zero is a level; an observer that clips says so by its trait."""
    low = min(0.0, *(float(batch.min()) for batch in SPANS[span]))
    high = max(0.0, *(float(batch.max()) for batch in SPANS[span]))
    for knobs, bits in itertools.product(variants(entry), BITS):
        grid = seen(entry, SPANS[span], **knobs).grid(bits)
        half = (0.5 + ROUNDING) * grid.scale
        assert grid.low >= low - half
        assert grid.high <= high + half
        if not entry.traits.get("clips"):
            assert grid.low <= low + half
            assert grid.high >= high - half


def test_it_repeats_forgets_nothing_and_leaves_what_it_sees(entry):
    batches = SPANS["both signs"]
    before = [batch.clone() for batch in batches]
    observer = seen(entry, batches)
    grids = [observer.grid(bits) for bits in (8, 2, 8)]
    assert grids[0] == grids[2] == seen(entry, batches).grid(8)
    assert grids[1].bits == 2
    assert all(torch.equal(batch, old) for batch, old in zip(batches, before, strict=True))
    shuffled = [batch[torch.randperm(len(batch), generator=torch.Generator().manual_seed(1))] for batch in batches]
    assert seen(entry, shuffled).grid(8) == grids[0]
    observer.see(100 * batches[0])
    assert observer.grid(8) != grids[0]


def test_it_sees_every_kind_of_batch(entry):
    maps = SPANS["both signs"][0]
    usual = seen(entry, [maps]).grid(8)
    for same in (maps.to(memory_format=torch.channels_last), maps.double(), maps.flatten(1), maps.transpose(1, 2)):
        with torch.inference_mode():
            assert seen(entry, [same]).grid(8) == usual


@pytest.mark.parametrize("batches", [[], [torch.zeros(4, 2)]])
def test_without_anything_but_zeros_there_is_a_grid_too(entry, batches):
    grid = seen(entry, batches).grid(4)
    assert grid.fake_quantize(torch.zeros(2)).tolist() == [0, 0]
    assert grid.scale == 1


def test_more_bits_are_never_worse(entry):
    values = torch.cat([batch.flatten() for batch in SPANS["both signs"][:1]])
    grids = [seen(entry, SPANS["both signs"][:1]).grid(bits) for bits in range(2, 13)]
    errors = [float((grid.fake_quantize(values) - values).square().mean()) for grid in grids]
    assert all(after < before for before, after in itertools.pairwise(errors))
    assert errors[-1] < (1e-2 if entry.traits.get("clips") else 1e-4) * errors[0]


def test_every_knob_changes_the_grid(entry):
    usual = seen(entry, SPANS["both signs"]).grid(8)
    for knobs in list(variants(entry))[1:]:
        assert seen(entry, SPANS["both signs"], **knobs).grid(8) != usual, knobs


def test_it_is_documented_with_a_source(entry):
    assert entry.source
    assert entry.title
    assert all(knob.help and (knob.choices or (knob.low is not None and knob.high is not None)) for knob in entry.knobs.values())


def test_a_file_gives_back_the_grids(entry):
    model, again = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2)), nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
    grids = {"0": seen(entry, SPANS["both signs"]).grid(5), "1": seen(entry, SPANS["after a ReLU"]).grid(8)}
    set_activation_grids(model, grids)
    facts = json.loads(json.dumps(to_facts(model)))
    from_facts(again, facts)
    assert activation_grids(again) == activation_grids(model) == grids
    assert to_facts(nn.Linear(2, 2)) == {}
    from_facts(again, {})
    assert activation_grids(again) == {}


def test_a_spec_takes_its_name_alone_or_with_settings(entry):
    def observer(given):
        return parse({"kind": "compress", "steps": [{"name": "quantize_activations", "observer": given}]}).steps[0]["observer"]

    settings = {name: knob.default for name, knob in entry.knobs.items()}
    assert observer(entry.name) == observer({"name": entry.name}) == observer({"name": entry.name, **settings})
    assert observer(entry.name) == ({"name": entry.name, **settings} if settings else entry.name)
    for knob in entry.knobs.values():
        steps = [{"name": "quantize_activations"}]
        set_to = [f"steps.0.observer={entry.name}", f"steps.0.observer.{knob.name}={knob.low}"]
        changed = override({"kind": "compress", "steps": steps}, set_to)["steps"][0]
        assert changed["observer"] == {**settings, "name": entry.name, knob.name: knob.low}
        with pytest.raises(SpecError, match=rf"observer\.{knob.name}"):
            observer({"name": entry.name, knob.name: knob.low - 1})


def test_an_unknown_observer_is_refused():
    with pytest.raises(SpecError, match=r"steps\.0\.observer.*allowed is one of minmax, moving_average"):
        parse({"kind": "compress", "steps": [{"name": "quantize_activations", "observer": "maxmin"}]})


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_scale_and_zero_point_are_those_of_pytorchs_own_observers(span, bits):
    ours = seen(OBSERVERS["minmax"], SPANS[span]).grid(bits)
    rated = seen(OBSERVERS["moving_average"], SPANS[span], rate=0.3).grid(bits)
    options = {"dtype": torch.quint8, "quant_min": 0, "quant_max": 2**bits - 1}
    for grid, theirs in ((ours, MinMaxObserver(**options)), (rated, MovingAverageMinMaxObserver(0.3, **options))):
        for batch in SPANS[span]:
            theirs(batch)
        scale, zero_point = theirs.calculate_qparams()
        assert grid.scale == pytest.approx(float(scale), rel=1e-6)
        assert grid.zero_point == int(zero_point)


@pytest.mark.parametrize("bits", BITS)
def test_rounding_is_the_closed_form_half_to_even(bits):
    """clamp(round(x / s) + z, 0, 2^b - 1) - z, times s, away from halfway, where single precision decides."""
    grid = ActivationGrid.covering(-1.3, 3.1, bits)
    values = 2 * torch.randn(4000, generator=torch.Generator().manual_seed(2))
    steps = values.double() / grid.scale
    clear = ((steps - steps.floor()) - 0.5).abs() > 0.01
    expected = ((steps.round() + grid.zero_point).clamp(0, grid.top) - grid.zero_point) * grid.scale
    torch.testing.assert_close(grid.fake_quantize(values)[clear].double(), expected[clear], rtol=1e-6, atol=0)
    assert clear.sum() > 3000
    halves = ActivationGrid(4, 0.5, 0).fake_quantize(torch.tensor([0.25, 0.75, 1.25, 7.6, -0.4]))
    assert halves.tolist() == [0.0, 1.0, 1.0, 7.5, 0.0]


def test_the_gradient_passes_unchanged_where_nothing_is_clipped():
    grid = ActivationGrid(2, 1.0, 1)  # levels -1, 0, 1, 2
    values = torch.tensor([-9.0, -1.0, 0.3, 1.9, 2.0, 9.0], requires_grad=True)
    (grid.fake_quantize(values) * torch.arange(6)).sum().backward()
    assert values.grad.tolist() == [0, 1, 2, 3, 4, 0]


def test_by_hand():
    """The docstrings' examples."""
    grid = seen(OBSERVERS["minmax"], [torch.tensor([-1.0, 2]), torch.tensor([0.5, 3])]).grid(2)
    assert (grid.zero_point, grid.scale) == (1, pytest.approx(4 / 3))
    assert (grid.low, grid.high) == (pytest.approx(-4 / 3), pytest.approx(8 / 3))
    averaged = seen(OBSERVERS["moving_average"], [torch.tensor([-1.0, 2]), torch.tensor([0.0, 4])], rate=0.25)
    assert averaged.range == (-0.75, 2.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("bits", value) for value in (1, 17, 4.0, None)),
        *(("scale", value) for value in (0.0, -1.0, "x", 1, float("inf"), float("nan"))),
        *(("zero_point", value) for value in (-1, 16, True, 3.0)),
        ("more", 1),
    ],
)
def test_a_file_that_lies_about_its_grids_is_refused(field, value):
    honest = asdict(ActivationGrid(4, 0.5, 3))
    from_facts(nn.Sequential(nn.Linear(2, 2)), {"activations": {"0": honest}})
    with pytest.raises(ValueError, match=r"grid|scale"):
        from_facts(nn.Sequential(nn.Linear(2, 2)), {"activations": {"0": honest | {field: value}}})


@pytest.mark.parametrize("activations", [{"nowhere": asdict(ActivationGrid(4, 0.5, 3))}, [1], "x", {"0": 3}])
def test_a_file_about_other_layers_is_refused(activations):
    with pytest.raises(ValueError, match="grids"):
        from_facts(nn.Sequential(nn.Linear(2, 2)), {"activations": activations})
