"""The declaration of methods: knobs read from signatures, registries that refuse and suggest."""

import math
from typing import Annotated, Literal

import pytest

from compression.catalog import Entry, Knob, Registry, read_knobs
from compression.errors import SpecError


def method(
    data,
    *,
    strength: Annotated[float, Knob("How strong", low=0.5, high=2, step=0.5)] = 1.0,
    rounds: Annotated[int, Knob("How often", low=1, high=9)] = 3,
    kind: Annotated[Literal["soft", "hard"], Knob("Which")] = "soft",
    layers: Annotated[list[int], Knob("Sizes", low=1, high=10)] = (4,),
    loud: Annotated[bool, Knob("Whether")] = False,
):
    """Do it."""


ENTRY = Entry("method", method, "Method", "", "Do it.", read_knobs(method))


def test_knobs_come_from_the_signature():
    assert {name: (knob.kind, knob.default) for name, knob in ENTRY.knobs.items()} == {
        "strength": ("float", 1.0),
        "rounds": ("int", 3),
        "kind": ("choice", "soft"),
        "layers": ("ints", (4,)),
        "loud": ("bool", False),
    }
    assert ENTRY.knobs["kind"].choices == ("soft", "hard")


def test_defaults_complete_what_is_given():
    assert ENTRY.check({"strength": 2}, "m") == {"strength": 2.0, "rounds": 3, "kind": "soft", "layers": [4], "loud": False}


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("strength", math.nan),
        ("strength", 10**400),
        ("strength", math.inf),
        ("strength", -math.inf),
        ("strength", 0.49),
        ("strength", 2.01),
        ("strength", "1"),
        ("strength", True),
        ("strength", None),
        ("rounds", 1.5),
        ("rounds", 0),
        ("rounds", True),
        ("kind", "Soft"),
        ("kind", ["soft"]),
        ("layers", []),
        ("layers", 4),
        ("layers", [4, 11]),
        ("layers", [1] * 9),
        ("loud", 1),
        ("unknown", 1),
    ],
)
def test_a_value_that_is_not_allowed_is_named(knob, value):
    with pytest.raises(SpecError) as caught:
        ENTRY.check({knob: value}, "m")
    assert str(caught.value).startswith(f"m.{knob}")
    assert "\n" not in str(caught.value)


def test_a_step_shapes_the_slider_only():
    assert ENTRY.check({"strength": 0.75}, "m")["strength"] == 0.75
    assert ENTRY.knobs["strength"].snap(0.8) == 1.0
    assert ENTRY.knobs["strength"].snap(99) == 2.0
    assert ENTRY.knobs["strength"].snap("nonsense") == 1.0
    assert ENTRY.knobs["strength"].snap(math.nan) == 1.0


def test_a_registry_refuses_clashes_and_undocumented_functions():
    registry = Registry("compression.pruning", "thing")
    registry.register(title="A", source="B")(method)
    with pytest.raises(ValueError, match="twice"):
        registry.register(title="A", source="B")(method)

    def bare(data): ...

    with pytest.raises(ValueError, match="docstring"):
        registry.register(title="A", source="B")(bare)

    def undeclared(data, *, knob=1):
        """Do."""

    with pytest.raises(ValueError, match="Knob"):
        registry.register(title="A", source="B")(undeclared)


def test_an_unknown_name_suggests_the_nearest():
    from compression.models import MODELS

    with pytest.raises(SpecError, match="did you mean resnet18"):
        MODELS.find("resnet81", "model.name")
