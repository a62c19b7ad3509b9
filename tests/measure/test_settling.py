"""What would settle a verdict: against verdicts of simulated comparisons."""

import math

import pytest
import torch

from compression.measure.settling import CHANCE, what_would_settle
from compression.measure.verdict import verdict

DIFFERENCE, SEED_NOISE, DISCORDANT = 0.012, 0.012, 0.06
REPEATS = 400


def compared(generator: torch.Generator, seeds: int, images: int) -> dict:
    """Return the verdict of two networks whose accuracies differ by about DIFFERENCE, more or less at each seed."""
    gain = DIFFERENCE + SEED_NOISE * torch.randn(seeds, 1, generator=generator)
    chance = torch.rand(seeds, images, generator=generator)
    better = chance < (DISCORDANT + gain) / 2
    worse = (chance >= (DISCORDANT + gain) / 2) & (chance < DISCORDANT)
    return verdict(better, worse, claim="new > old")


def share_settled(seeds: int, images: int) -> float:
    generator = torch.Generator().manual_seed(7)
    return sum(compared(generator, seeds, images)["answer"] == "yes" for _repeat in range(REPEATS)) / REPEATS


def truth(seeds: int, images: int) -> dict:
    """Return an inconclusive verdict whose spread is the one that `compared` has: seed and image are drawn independently."""
    spread = {"seeds": SEED_NOISE**2 + DISCORDANT / images, "images": DISCORDANT / seeds, "both": DISCORDANT, "count": images}
    return {"answer": "inconclusive", "reason": "within_noise", "difference": DIFFERENCE, "seeds": seeds, "spread": spread}


def test_so_many_seeds_settle_it_as_often_as_told_and_half_of_them_do_not() -> None:
    needed = what_would_settle(truth(5, 1000)).seeds
    assert share_settled(needed, 1000) == pytest.approx(CHANCE, abs=0.08)
    assert share_settled(needed // 2, 1000) < CHANCE - 0.2


def test_no_number_of_images_makes_up_for_the_luck_of_few_seeds() -> None:
    assert what_would_settle(truth(2, 1000)).images is None


def test_images_settle_what_seeds_do_not_vary() -> None:
    """Without any noise of seeds, N images settle it where the closed form of a sum of two errors says so."""
    found = truth(5, 500)
    found["spread"] |= {"seeds": 0.0, "both": 0.0, "images": DISCORDANT}
    needed = what_would_settle(found).images
    t95, t80 = 2.7764, 0.9410
    reach = [t95 * math.sqrt(DISCORDANT / n + (3 / t95 / n) ** 2) + t80 * math.sqrt(DISCORDANT / n) for n in (needed - 9, needed)]
    assert reach[0] > DIFFERENCE * 0.999
    assert reach[1] < DIFFERENCE * 1.001


@pytest.mark.parametrize(
    "change", [{"answer": "yes"}, {"reason": "no_difference"}, {"seeds": 1}, {"spread": None}, {"reason": "one_seed"}]
)
def test_nothing_is_told_of_other_verdicts(change: dict) -> None:
    assert what_would_settle({**truth(5, 500), **change}) is None


def test_a_tolerance_is_what_the_distance_is_counted_from() -> None:
    far = what_would_settle({**truth(5, 1000), "tolerance": 0.02}).seeds
    near = what_would_settle(truth(5, 1000)).seeds
    assert far < near


def test_a_verdict_of_several_seeds_knows_its_spread() -> None:
    generator = torch.Generator().manual_seed(1)
    differences = torch.randint(-1, 2, (4, 50), generator=generator).double()
    found = verdict(differences > 0, differences < 0, claim="new > old")["spread"]
    rest = sum(
        float(differences[s, i] - differences[s].mean() - differences[:, i].mean() + differences.mean()) ** 2
        for s in range(4)
        for i in range(50)
    )
    assert found == {
        "seeds": pytest.approx(float(differences.mean(1).var())),
        "images": pytest.approx(float(differences.mean(0).var())),
        "both": pytest.approx(rest / (3 * 49)),
        "count": 50,
    }
    assert "spread" not in verdict(differences[:1] > 0, differences[:1] < 0, claim="new > old")
