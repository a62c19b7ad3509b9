"""Images of another task than digits, small enough for a test: 12x12 in colour, three classes."""

import functools
import io
from pathlib import Path

import numpy

from compression import settings
from compression.data.own.bring import bring

SIDE, CLASSES, IMAGES = 12, 3, 120


def other_images() -> str:
    """Bring them into the lab, unless they are there, and return the name of the dataset."""
    return _brought(settings.home())


@functools.cache
def _brought(_home: Path) -> str:
    generator = numpy.random.default_rng(0)
    labels = numpy.arange(IMAGES) % CLASSES
    pixels = generator.integers(0, 160, (IMAGES, SIDE, SIDE, 3))
    for number, label in enumerate(labels):  # a bright bar: upright, level or both
        pixels[number, :, 4:6] += 90 * (label != 1)
        pixels[number, 4:6] += 90 * (label != 0)
    held = io.BytesIO()
    numpy.savez(held, images=pixels.clip(0, 255).astype(numpy.uint8), labels=labels)
    return bring(io.BytesIO(held.getvalue()), "Bars").name
