import warnings

import pytest
import torch
from sklearn.cluster import KMeans

from compression.quantization.codebook import Codebook
from compression.quantization.kmeans import kmeans
from compression.quantization.uniform import uniform

WEIGHT = torch.randn(6, 40, generator=torch.Generator().manual_seed(0), dtype=torch.double)


def by_sklearn(values, codes, rounds):
    """Return the sum of squared errors that scikit-learn's k-means reaches from the same codes, and its codes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = KMeans(len(codes), init=codes.view(-1, 1).numpy(), n_init=1, max_iter=rounds, tol=0).fit(
            values.view(-1, 1).numpy()
        )
    return found.inertia_, torch.from_numpy(found.cluster_centers_).flatten().sort().values


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("group", ["tensor", "channel"])
def test_it_ends_where_scikit_learns_kmeans_ends(bits, group):
    # scikit-learn moves codes without values elsewhere, so there are to be values for each.
    weight = torch.rand(6, 200, generator=torch.Generator().manual_seed(bits), dtype=torch.double) - 0.5
    held = kmeans(weight, bits=bits, codebook=group, rounds=200)
    errors = (held.dequantize() - weight).square()
    rows = [weight.flatten()] if group == "tensor" else weight
    for index, row in enumerate(rows):
        first = torch.linspace(float(row.min()), float(row.max()), 2**bits, dtype=torch.double)
        inertia, codes = by_sklearn(row, first, 200)
        assert float(errors.sum() if group == "tensor" else errors[index].sum()) == pytest.approx(inertia, rel=1e-6)
        torch.testing.assert_close(held.codes[index], codes, atol=1e-6, rtol=0)


def test_by_hand():
    held = kmeans(torch.tensor([[-4.0, -3.0, 2.0, 3.0, 7.0]]), bits=1)
    assert held.dequantize().tolist() == [[-3.5, -3.5, 4.0, 4.0, 4.0]]
    assert kmeans(torch.tensor([[-4.0, -3.0, 2.0, 3.0, 7.0]]), bits=1, rounds=0).codes.tolist() == [[-4.0, 7.0]]


def test_each_code_is_the_mean_of_its_weights_and_the_error_falls_with_every_round():
    held = kmeans(WEIGHT, bits=3, rounds=200)
    for code in range(8):
        assert float(held.codes[0, code]) == pytest.approx(float(WEIGHT[held.levels == code].mean()))
    errors = [float((kmeans(WEIGHT, bits=3, rounds=rounds).dequantize() - WEIGHT).square().sum()) for rounds in range(12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.8 * errors[0]


def test_codes_of_equal_density_begin_in_the_middle_of_equally_many_weights():
    held = kmeans(torch.arange(1.0, 17.0)[None], bits=2, start="density", rounds=0)
    assert held.codes.tolist() == [[3.0, 7.0, 11.0, 15.0]]


def test_pruned_weights_take_no_code_and_few_different_weights_come_back():
    weight = torch.tensor([[0.0, 5.0, 0.0, -2.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, -2.0, 3.0]])
    held = kmeans(weight, bits=2)
    assert torch.equal(held.dequantize(), weight)
    assert held.codes.tolist() == [[-2.0, -2.0, 1.0, 3.0, 5.0][1:]] or sorted(set(held.codes[0].tolist())) == [
        -2.0,
        1.0,
        3.0,
        5.0,
    ]
    each = kmeans(weight, bits=2, codebook="channel")
    assert torch.equal(each.dequantize(), weight)
    assert (held.levels[weight == 0] == -1).all()
    assert torch.equal(kmeans(torch.zeros(2, 3)).dequantize(), torch.zeros(2, 3))


def test_an_index_takes_no_more_bits_than_its_codebook_needs():
    assert kmeans(torch.randn(2, 9), bits=16).bits == 5
    assert kmeans(torch.randn(2, 9), bits=3).bits == 3


def test_it_has_less_error_than_an_even_grid_of_the_same_bits():
    for bits in (2, 3, 4):
        errors = [
            float((held.dequantize() - WEIGHT).square().sum())
            for held in (kmeans(WEIGHT, bits=bits, start="density"), uniform(WEIGHT, bits=bits, group="tensor"))
        ]
        assert errors[0] < errors[1]


def test_a_record_with_more_codes_than_its_bits_and_an_index_beyond_the_codebook_are_refused():
    record = {"shape": [1, 4], "bits": 2, "books": 1, "codes": 3}
    numbers, tables = torch.tensor([0, 1, 2, 3], dtype=torch.int32), {"codes": torch.tensor([1.0, 2.0, 3.0])}
    Codebook.check(record)
    assert Codebook.from_file(record, slice(None), numbers.clamp(max=2), tables).dequantize().tolist() == [[1, 2, 3, 3]]
    with pytest.raises(ValueError, match="beyond the codebook"):
        Codebook.from_file(record, slice(None), numbers, tables)
    with pytest.raises(ValueError, match="more codes"):
        Codebook.check({**record, "codes": 5})
    with pytest.raises(ValueError, match="do not go"):
        Codebook.check({**record, "books": 2})
