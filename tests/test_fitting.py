"""What would make a run fit into a time."""

import pytest

from compression.fitting import cut, fit
from compression.spec import DistillSpec, Spec, parse

DISTILL = parse({"kind": "distill", "train": {"epochs": 40}, "seeds": [0, 1, 2, 3, 4], "dataset": {"name": "mnist"}})
COMPRESS = parse({"kind": "compress", "train": {"epochs": 20}, "seeds": [0, 1, 2], "dataset": {"name": "mnist"}})


def work(spec: Spec) -> float:
    """Seconds as a product, so that the answers can be worked by hand: an epoch of 60,000 images a seed takes one."""
    epochs = spec.train["epochs"] + (0 if isinstance(spec, DistillSpec) else sum(step.get("epochs", 0) for step in spec.steps))
    return epochs * len(spec.seeds) * (spec.dataset["train_images"] or 60_000) / 60_000


def test_epochs_are_cut_first_and_no_further_than_they_must() -> None:
    assert fit(DISTILL, 100, work) == {"train.epochs": 20}


def test_then_images_then_seeds() -> None:
    found = fit(DISTILL, 25, work)
    assert list(found) == ["train.epochs", "dataset.train_images"]
    assert found["train.epochs"] == 10
    assert found["dataset.train_images"] == pytest.approx(30_000, rel=0.03)
    assert fit(DISTILL, 3, work) == {"train.epochs": 10, "dataset.train_images": 5_000, "seeds": 3}


@pytest.mark.parametrize("spec", [DISTILL, COMPRESS])
@pytest.mark.parametrize("limit_s", [0.02, 0.1, 0.5, 1, 4, 17, 60])
def test_what_is_found_fits_and_hardly_less_does_not(spec: Spec, limit_s: float) -> None:
    found = fit(spec, limit_s, work)
    assert work(cut(spec, found)) <= limit_s
    last = list(found)[-1]
    assert work(cut(spec, {**found, last: found[last] + 1 + found[last] // 40})) > limit_s


def test_what_cannot_fit_or_be_told_is_none() -> None:
    assert fit(DISTILL, 0.001, work) is None
    assert fit(DISTILL, 100, lambda _spec: None) is None


def test_a_setting_whose_cut_takes_longer_is_left_alone() -> None:
    """As where the original is cached for so many epochs, and would be trained anew for fewer."""

    def cached(spec: Spec) -> float:
        return (0 if spec.train["epochs"] == 20 else 100) + sum(step.get("epochs", 0) for step in spec.steps)

    epochs = COMPRESS.steps[2]["epochs"]
    assert fit(COMPRESS, epochs - 1, cached) == {"steps.2.epochs": epochs - 1}
