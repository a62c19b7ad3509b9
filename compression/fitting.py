"""What to ask less of, so that a run fits into a time: the settings change that costs its answer least."""

import math
from collections.abc import Callable, Mapping

from compression.data import DATASETS
from compression.data.load import most_train_images
from compression.spec import Spec, parse

FEWEST_EPOCHS_AT_FIRST, FEWEST_SEEDS_AT_FIRST, FEWEST_IMAGES_AT_FIRST, FEWEST_IMAGES = 5, 3, 5_000, 500
ALL_IMAGES = "dataset.train_images"
ROUNDED_TO = 50  # a setting is found to one part in so many

Cut = tuple[str, int, int]  # a setting, what it is and the least that it may become


def fit(spec: Spec, limit_s: float, seconds: Callable[[Spec], float | None]) -> dict[str, int] | None:
    """Return the settings that make a run fit into a time, by their names in a spec; None where none do.

    Epochs are cut first, to a quarter at the least, then images, then seeds to three, then each of them further; the setting
    that is cut last is cut no further than it must. `seeds` stands for how many there are.

    Args:
        limit_s: the seconds that the run may take.
        seconds: how long a spec is expected to take; None where that is not known.
    """
    changes, expected = dict[str, int](), seconds(spec)

    def needs(more: Mapping[str, int]) -> float:
        found = seconds(cut(spec, {**changes, **more}))
        return math.inf if found is None else found

    for name, now, least in _cuts(spec):
        if least >= changes.get(name, now) or expected is None:
            continue
        if (shortest := needs({name: least})) > limit_s:
            if shortest < expected:  # else a network that is cached would be trained anew
                changes[name], expected = least, shortest
            continue
        low, high = least, changes.get(name, now)
        while high - low > max(1, low // ROUNDED_TO):
            middle = (low + high) // 2
            low, high = (middle, high) if needs({name: middle}) <= limit_s else (low, middle)
        return {**changes, name: low}
    return None


def cut(spec: Spec, changes: Mapping[str, int]) -> Spec:
    """Return a spec with fewer epochs, images or seeds, as `fit` names them."""
    raw = spec.to_json()
    for name, value in changes.items():
        if name == "seeds":
            raw["seeds"] = raw["seeds"][:value]
            continue
        *path, last = name.split(".")
        place = raw
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        place[last] = value
    return parse(raw)


def _cuts(spec: Spec) -> list[Cut]:
    """Return what may be cut, in this order, and how far."""
    raw = spec.to_json()
    trained = {f"steps.{place}.epochs": step["epochs"] for place, step in enumerate(raw.get("steps", ())) if "epochs" in step}
    epochs = {"train.epochs": raw["train"]["epochs"], **trained}
    seeds, images = len(raw["seeds"]), raw["dataset"]["train_images"]
    images = images or most_train_images(DATASETS[raw["dataset"]["name"]])
    taught = raw.get("transfer", {}).get("images") or 0  # the student's images are among those of its teacher
    return [
        *((name, count, max(min(count, FEWEST_EPOCHS_AT_FIRST), count // 4)) for name, count in epochs.items()),
        (ALL_IMAGES, images, min(images, max(taught, FEWEST_IMAGES_AT_FIRST))),
        ("seeds", seeds, min(seeds, FEWEST_SEEDS_AT_FIRST)),
        *((name, count, 1) for name, count in epochs.items()),
        (ALL_IMAGES, images, min(images, max(taught, FEWEST_IMAGES))),
        ("seeds", seeds, 1),
    ]
