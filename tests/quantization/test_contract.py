"""What every quantizer must do, whichever it is, and what every kind of quantized weight must."""

import base64
import io
import itertools

import pytest
import torch
from torch import nn

from compression.errors import DataError, SpecError
from compression.export import compact
from compression.quantization import QUANTIZATION
from compression.quantization.even_grid import EvenGrid
from compression.quantization.kinds import KINDS
from compression.spec import override, parse
from compression.steps import STEPS, snapshot
from compression.steps.in_force import in_force
from compression.steps.state import State

GENERATOR = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(6, 5, 3, 3, generator=GENERATOR) * torch.tensor([1, 2, 0.1, 5, 1, 1]).view(-1, 1, 1, 1)
GONE = torch.rand(WEIGHT.shape, generator=GENERATOR) < 0.6
WEIGHTS = {"whole": WEIGHT, "pruned": WEIGHT.masked_fill(GONE, 0), "flat": WEIGHT[:, :, 0, 0], "few": torch.ones(2, 3) * 0.7}
BITS = (1, 2, 3, 4, 8)
LIES = (0, -1, 3.5, 10**9, "x", [])
OLD_FILE = (
    "Q09NUExBQjF1AHqptgAAAHjapY/dCoJAFITfZa43aO2H2FcRiaN7rMg/3JUS8d07Yko3ktTdzGF2v5kOOXuy5AmmwxNG9wqeC1fWDibsEN+8iJ3CharzaPRoiiaP"
    "eUidFO5ceZiDQkZt2YgcEg7iywfMRp4XlLOcSW5V3RRsYVLKHCu4hDKWbwKRV6okFQZqH0mNdjBIs5L8LkCvpjbBB8dKV55A25kTL3P0ao5etfq4tFrPbZL/Vv9W"
    "4s22+EaI+he686GglBMYAACAP7dtGz+K5lVV1T9AhHRVVbU/VVWVP4QAAEDAAACAPwAAgD4AAABAAACAvwAAAD8="
)


def others(knob):
    if knob.kind == "choice":
        return [choice for choice in knob.choices if choice != knob.default]
    return [value for value in (knob.low, knob.high) if value != knob.default]


def shared_by(entry, knobs):
    """Return which weights share a scale or a codebook: "tensor", "channel" or how many of a channel."""
    name = next((name for name in ("group", "codebook") if name in entry.knobs), None)
    return knobs.get(name, entry.knobs[name].default) if name else "tensor"


def variants():
    """Yield every quantizer with its defaults, and with every other option of every choice."""
    for entry in QUANTIZATION.values():
        yield pytest.param(entry, {}, id=entry.name)
        for knob in entry.knobs.values():
            if knob.kind == "choice":
                for option in others(knob):
                    yield pytest.param(entry, {knob.name: option}, id=f"{entry.name}-{knob.name}-{option}")


EVERY_VARIANT = pytest.mark.parametrize(("entry", "knobs"), list(variants()))
EVERY_ENTRY = pytest.mark.parametrize("entry", list(QUANTIZATION.values()), ids=lambda entry: entry.name)


def allowed(entry, *wanted):
    """Return numbers of bits that the quantizer can have: those wanted, or the nearest to them."""
    knob = entry.knobs["bits"]
    return sorted({min(max(bits, knob.low), knob.high) for bits in wanted})


def held_of(entry, knobs):
    """Yield what each weight becomes at each number of bits, with the weight."""
    for bits in allowed(entry, *BITS):
        for weight in WEIGHTS.values():
            yield bits, weight, entry.function(weight, bits=bits, **knobs)


@EVERY_VARIANT
def test_the_result_has_the_weights_shape_and_type_and_repeats(entry, knobs):
    for kind in (torch.float32, torch.float64):
        weight = WEIGHT.to(kind)
        before = weight.clone()
        held = entry.function(weight, **knobs)
        values = held.dequantize()
        assert (values.shape, values.dtype, held.levels.dtype) == (weight.shape, kind, torch.int32)
        assert torch.isfinite(values).all()
        assert torch.equal(weight, before)
        assert torch.equal(values, entry.function(weight, **knobs).dequantize())
        assert KINDS[held.kind] is type(held)


@EVERY_VARIANT
def test_a_group_has_no_more_values_than_its_bits_tell_apart(entry, knobs):
    for bits, weight, held in held_of(entry, knobs):
        assert held.bits <= bits
        values = held.dequantize()
        rows = [values.flatten()] if shared_by(entry, knobs) == "tensor" else values.flatten(1)
        for row in rows:
            pieces = row.split(knobs["group"]) if isinstance(knobs.get("group"), int) else [row]
            coded = [piece[piece != 0] if held.unnumbered.any() else piece for piece in pieces]
            assert all(piece.unique().numel() <= 2**bits for piece in coded), (bits, weight.shape)
        numbers = held.numbers[~held.unnumbered]
        assert numbers.numel() == 0 or 0 <= numbers.min() <= numbers.max() < 2**held.bits


@EVERY_VARIANT
def test_each_weight_is_at_the_nearest_of_its_levels(entry, knobs):
    """No other weight of the same group has a value nearer to it; where thresholds decide, larger weights get no lower values."""
    if entry.traits.get("by_threshold"):
        for _bits, weight, held in held_of(entry, knobs):
            rows, values = (
                one.reshape(1, -1) if shared_by(entry, knobs) == "tensor" else one.flatten(1)
                for one in (weight, held.dequantize())
            )
            assert (values.gather(1, rows.argsort(1)).diff(dim=1) >= 0).all()
        return
    size = shared_by(entry, knobs)
    for _bits, weight, held in held_of(entry, knobs):
        rows, values = (one.reshape(1, -1) if size == "tensor" else one.flatten(1) for one in (weight, held.dequantize()))
        for row, found in zip(rows, values, strict=True):
            parts = zip(*(one.split(size if isinstance(size, int) else len(row)) for one in (row, found)), strict=True)
            for given, taken in parts:
                there = taken[given != 0].unique()
                if len(there):
                    nearest = (given[given != 0][:, None] - there).abs().amin(1)
                    assert ((given - taken)[given != 0].abs() <= nearest + 1e-5 * given.abs().max()).all()


@EVERY_VARIANT
def test_zeros_stay_exactly_zero_and_so_does_what_a_mask_removes(entry, knobs):
    for _bits, weight, held in held_of(entry, knobs):
        mask = torch.rand(weight.shape, generator=torch.Generator().manual_seed(2)) < 0.5
        for values in (held.dequantize()[weight == 0], held.masked(mask).dequantize()[~mask]):
            assert (values == 0).all()
            assert not values.signbit().any()
        assert torch.equal(held.masked(mask).dequantize()[mask], held.dequantize()[mask])
        assert (held.dequantize()[held.zero] == 0).all()


@EVERY_VARIANT
def test_the_levels_stay_when_other_weights_are_put_on_them(entry, knobs):
    for bits, weight, held in held_of(entry, knobs):
        assert torch.equal(held.nearest(held.dequantize()).dequantize(), held.dequantize()), bits
        far = held.nearest(1000 * weight.abs().max() * torch.ones_like(weight))
        assert torch.equal(held.nearest(far.dequantize()).dequantize(), far.dequantize()), bits
        assert all(torch.equal(table, held.tables()[name]) for name, table in far.tables().items())
        assert far.numbers[~far.unnumbered].max() < 2**far.bits


@EVERY_VARIANT
def test_covers_the_levels_themselves_and_not_what_lies_far_beyond(entry, knobs):
    for bits, weight, held in held_of(entry, knobs):
        inside = held.covers(held.dequantize())
        assert inside.dtype == torch.bool
        assert inside[~held.unnumbered].all(), bits
        if bits > 2 and weight.unique().numel() > 2:
            assert not held.covers(1000 * weight.abs().max() * torch.ones_like(weight)).any(), bits


@EVERY_VARIANT
def test_every_tensor_moves_to_another_device(entry, knobs):
    moved = entry.function(WEIGHT, **knobs).to("meta")
    assert all(tensor.device.type == "meta" for tensor in vars(moved).values() if torch.is_tensor(tensor))
    assert torch.equal(entry.function(WEIGHT, **knobs).to("cpu").dequantize(), entry.function(WEIGHT, **knobs).dequantize())


@EVERY_VARIANT
def test_a_file_gives_back_the_levels_and_goes_on_with_them_at_exactly_its_size(entry, knobs, tmp_path):
    path = tmp_path / "m"
    for bits, weight, held in held_of(entry, knobs):
        size = compact.size({"w": held}, {})
        assert compact.write(path, {"w": held}, {}) == size == path.stat().st_size
        header, contents = compact.read_contents(path)
        again, (record,) = contents["w"], header["tensors"]
        assert type(again) is type(held)
        assert (again.bits, again.pruned) == (held.bits, held.pruned)
        assert torch.equal(again.dequantize(), held.dequantize()), bits
        assert torch.equal(again.levels, held.levels), bits
        assert torch.equal(again.nearest(weight * 0.7).dequantize(), held.nearest(weight * 0.7).dequantize())
        count = record.get("kept", weight.numel())
        tables = sum(-(-entries * width // 8) for entries, width in held.table_sizes(record).values())
        places = -(-record.get("gap_numbers", 0) * record.get("gap_bits", 0) // 8)
        assert compact.payload_bytes(record) == -(-count * held.bits // 8) + tables + places
        assert {name: table.numel() for name, table in held.tables().items()} == {
            name: entries for name, (entries, _width) in held.table_sizes(record).items()
        }


@EVERY_VARIANT
def test_a_file_whose_record_lies_is_refused(entry, knobs, tmp_path):
    path = tmp_path / "m"
    compact.write(path, {"w": entry.function(WEIGHT, **knobs)}, {})
    record = compact.read(path)[0]["tensors"][0]
    named = record.keys() - {"name", "pruned", "type", "shape"}
    for name, value in [(name, value) for name in named for value in LIES if value != record[name]]:
        forged = {**record, name: value}
        try:
            compact.check(forged)
            same_length = compact.payload_bytes(forged) == compact.payload_bytes(record)
        except (ValueError, KeyError, TypeError):
            same_length = False
        assert not same_length, (name, value)


@EVERY_VARIANT
def test_a_checkpoint_gives_back_the_levels(entry, knobs):
    state, other = State(nn.Linear(40, 6)), State(nn.Linear(40, 6))
    STEPS["quantize"].function(state, method=entry.name, bits=allowed(entry, 3)[0], **knobs)
    file = io.BytesIO()
    torch.save(snapshot.to_content(state), file)
    file.seek(0)
    snapshot.from_content(other, torch.load(file, weights_only=True))
    held, again = state.quantized["weight"], other.quantized["weight"]
    assert type(again) is type(held)
    assert all(torch.equal(table, again.tables()[name]) for name, table in held.tables().items())
    assert torch.equal(again.nearest(torch.ones(6, 40)).levels, held.nearest(torch.ones(6, 40)).levels)


@EVERY_VARIANT
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fine_tuning_keeps_the_weights_on_the_levels_and_moves_them(entry, knobs, bits):
    torch.manual_seed(0)
    state = State(nn.Sequential(nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 3)))
    STEPS["prune"].function(state, sparsity=0.5)
    STEPS["quantize"].function(state, method=entry.name, bits=allowed(entry, bits)[0], **knobs)
    start = {name: weight.clone() for name, weight in state.weights().items()}
    levels = dict(state.quantized)
    with in_force(state):
        optimizer = torch.optim.SGD(state.model.parameters(), lr=4.0)
        for _step in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(state.model(torch.randn(16, 24)), torch.randint(0, 3, (16,))).backward()
            optimizer.step()
            for name, layer in (("0.weight", state.model[0]), ("2.weight", state.model[2])):
                assert torch.equal(levels[name].nearest(layer.weight).dequantize(), layer.weight)
                assert (layer.weight[~state.masks[name]] == 0).all()
    assert any(not torch.equal(start[name], weight) for name, weight in state.weights().items())
    for name, weight in state.weights().items():
        assert torch.equal(state.quantized[name].dequantize(), weight)
        assert all(torch.equal(table, levels[name].tables()[key]) for key, table in state.quantized[name].tables().items())


@EVERY_VARIANT
def test_the_gradient_passes_the_rounding_where_the_levels_cover_the_weight(entry, knobs):
    layer = nn.Linear(40, 2, bias=False)
    state = State(layer)
    STEPS["quantize"].function(state, method=entry.name, bits=allowed(entry, 4)[0], **knobs)
    held = state.quantized["weight"]
    with in_force(state):
        latent = layer.parametrizations.weight.original
        with torch.no_grad():
            latent[0, :5] = 50.0
        inputs = torch.randn(1, 40)
        layer(inputs).sum().backward()
        assert torch.equal(latent.grad, inputs.expand(2, -1) * held.covers(latent.detach()))
        assert not latent.grad[0, :5].any()


@EVERY_VARIANT
def test_more_bits_are_never_worse(entry, knobs):
    """From 2 bits up; one symmetric bit sits at the mean and can beat the three values of two bits."""
    errors = [
        float((entry.function(WEIGHT, bits=bits, **knobs).dequantize() - WEIGHT).square().mean())
        for bits in allowed(entry, *range(2, 12))
    ]
    assert all(after <= 1.001 * before for before, after in itertools.pairwise(errors))
    if entry.traits.get("refines", True):
        assert errors[-1] < 1e-3 * errors[0]


@EVERY_ENTRY
def test_every_knob_changes_the_result(entry):
    weight = torch.randn(3, 300, generator=torch.Generator().manual_seed(5))
    usual = entry.function(weight).dequantize()
    for knob in entry.knobs.values():
        changed = [entry.function(weight, **{knob.name: value}).dequantize() for value in others(knob)]
        assert all(torch.isfinite(values).all() for values in changed), knob.name
        different = [not torch.equal(values, usual) for values in changed]
        assert all(different) if knob.kind == "choice" or knob.name == "bits" else any(different), knob.name


@EVERY_ENTRY
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(entry, bad):
    weight = WEIGHT.clone()
    weight[0, 0, 0, 0] = bad
    with pytest.raises(DataError):
        entry.function(weight)


@EVERY_ENTRY
def test_it_is_documented_and_has_the_bits_of_the_step(entry):
    step = STEPS["quantize"].knobs
    assert entry.source
    assert entry.title
    assert all(knob.help for knob in entry.knobs.values())
    assert (step["bits"].low, step["bits"].high) == (1, 16)
    assert 1 <= entry.knobs["bits"].low <= entry.knobs["bits"].default <= entry.knobs["bits"].high <= 16
    assert entry.knobs.keys() & step.keys() == {"bits"}


@EVERY_ENTRY
def test_a_spec_takes_its_name_alone_or_with_settings_within_or_beside(entry):
    def step(**given):
        return parse({"kind": "compress", "steps": [{"name": "quantize", **given}]}).steps[0]

    own = {name: knob.default for name, knob in entry.knobs.items() if name != "bits"}
    usual = {"name": "quantize", "method": entry.name, "bits": allowed(entry, 4)[0], **own}
    assert step(method=entry.name) == step(method={"name": entry.name}) == step(method={"name": entry.name, **own}) == usual
    for name in own:
        value = others(entry.knobs[name])[0]
        expected = {**usual, name: value}
        assert step(method=entry.name, **{name: value}) == step(method={"name": entry.name, name: value}) == expected
        assert override({"kind": "compress"}, [f"steps.1.method={entry.name}", f"steps.1.{name}={value}"])["steps"][1] == expected
    with pytest.raises(SpecError, match=r"nonsense.*no setting"):
        step(method=entry.name, nonsense=3)


@EVERY_ENTRY
def test_bits_that_it_cannot_have_are_refused_and_left_behind_when_it_is_chosen(entry):
    knob = entry.knobs["bits"]
    for bits in {1, 4, 16} - set(range(knob.low, knob.high + 1)):
        with pytest.raises(SpecError, match=r"steps\.0\.bits"):
            parse({"kind": "compress", "steps": [{"name": "quantize", "method": entry.name, "bits": bits}]})
        before = {"kind": "compress", "steps": [{"name": "quantize", "bits": bits}]}
        assert override(before, [f"steps.0.method={entry.name}"])["steps"][0]["bits"] == knob.default


def test_a_setting_of_another_method_is_refused():
    with pytest.raises(SpecError, match=r"steps\.0\.scheme.*allowed is one of method, bits, codebook, start, rounds"):
        parse({"kind": "compress", "steps": [{"name": "quantize", "method": "kmeans", "scheme": "symmetric"}]})
    with pytest.raises(SpecError, match=rf"steps\.0\.method.*allowed is one of {', '.join(QUANTIZATION)}"):
        parse({"kind": "compress", "steps": [{"name": "quantize", "method": "kmean"}]})


def test_a_file_of_before_codebooks_reads_back_and_is_written_the_same(tmp_path):
    path, again = tmp_path / "old", tmp_path / "new"
    path.write_bytes(base64.b64decode(OLD_FILE))
    header, contents = compact.read_contents(path)
    assert contents["a"].dequantize().tolist() == [
        [0.0, -3.0, 1.0, 0.0],
        [1.8214285373687744, 0.0, -1.2142857313156128, 0.6071428656578064],
    ]
    assert contents["b"].dequantize()[1].tolist() == [3.3333332538604736, 1.6666666269302368, 0.0, 1.6666666269302368]
    assert contents["c"].dequantize()[0].tolist() == [0.0, -1.4166666269302368, 1.4166666269302368, 1.4166666269302368]
    assert contents["d"].tolist() == [[0.0, -3.0, 1.0, 0.25], [2.0, 0.0, -1.0, 0.5]]
    compact.write(again, contents, header["metadata"])
    assert again.read_bytes() == path.read_bytes()


def test_a_checkpoint_of_before_codebooks_reads_back():
    state, held = State(nn.Linear(40, 6)), QUANTIZATION["uniform"].function(torch.randn(6, 40))
    plain = {name: value for name, value in vars(held).items() if name != "group"}
    content = {"model": state.model.state_dict(), "masks": {}, "latent": {}, "quantized": {"weight": plain}}
    snapshot.from_content(state, content)
    assert isinstance(state.quantized["weight"], EvenGrid)
    assert torch.equal(state.quantized["weight"].dequantize(), held.dequantize())
