"""Knobs: the settings that a method declares by its keyword-only parameters."""

import inspect
import math
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from compression.errors import SpecError
from compression.texts import gettext as _

if TYPE_CHECKING:
    from compression.catalog import Registry

MAXIMUM_LIST_LENGTH = 8
KINDS = {float: "float", int: "int", bool: "bool", list[int]: "ints"}


@dataclass(frozen=True)
class Knob:
    """One setting of a method: what it does, its bounds and its unit; name, kind and default come from the parameter.

    Attributes:
        beside: whether the settings of the method that is chosen stand beside this one, not within it.
        logarithmic: whether equal ratios, not equal differences, are what one feels; such a slider has a box beside it.
        symbol: its letter in the method's formula, as TeX has it, in whose place the page puts the present value.
        later: whether it came after specs were stored: its default is left out of a checked choice, which stays what it was.
    """

    help: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    name: str = ""
    kind: str = ""
    default: Any = None
    options: tuple[Any, ...] = ()
    registry: "Registry | None" = None
    beside: bool = False
    logarithmic: bool = False
    symbol: str = ""
    later: bool = False

    @property
    def choices(self) -> tuple[Any, ...]:
        """Return what a choice may be: the literal's options, or the names in the registry that it chooses from."""
        return tuple(self.registry) if self.registry is not None else self.options

    def check(self, value: Any, where: str) -> Any:
        """Return the value as this knob's type.

        Raises:
            SpecError: wrong type, not a finite number, out of bounds, or not one of the choices.
        """
        if self.kind == "method":
            return self._method(value, where)
        if self.kind == "choice" and self.registry is not None:
            return self.registry.find(value, where).name
        if self.kind == "choice":
            if not any(value == choice and type(value) is type(choice) for choice in self.choices):
                raise SpecError(where, value, self.allowed())
            return value
        if self.kind == "ints":
            if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MAXIMUM_LIST_LENGTH:
                raise SpecError(where, value, self.allowed())
            return [self._number(item, f"{where}.{index}", whole=True) for index, item in enumerate(value)]
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise SpecError(where, value, self.allowed())
            return value
        return self._number(value, where, whole=self.kind == "int")

    def _method(self, value: Any, where: str) -> Any:
        """Return a choice among methods complete with its knobs; a bare name where it has none, unless it may be absent."""
        if value is None and self.default is None:
            return None
        if isinstance(value, str):
            value = {"name": self.registry.find(value, where).name}
        choice = self.registry.check(value, where)
        return choice["name"] if self.default is not None and len(choice) == 1 else choice

    def _number(self, value: Any, where: str, *, whole: bool) -> float | int:
        number = (
            isinstance(value, (int, float)) and not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))
        )
        if not number or (whole and value != int(value)) or not self.contains(value):
            raise SpecError(where, value, self.allowed())
        return int(value) if whole else float(value)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Return the lowest and the highest value."""
        return self.low, self.high

    @property
    def fixed(self) -> bool:
        """Tell whether there is only one value that it can have."""
        return self.low is not None and self.low == self.high

    def contains(self, value: float) -> bool:
        """Tell whether a number lies within the bounds."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def allowed(self) -> str:
        """Say what is allowed, as the end of a sentence."""
        if self.kind == "choice":
            return _("allowed is one of {choices}").format(choices=", ".join(str(choice) for choice in self.choices))
        if self.kind == "bool":
            return _("allowed is true or false")
        unit = f" {self.unit}" if self.unit else ""
        if self.fixed:
            return _("allowed is {value:g}{unit}").format(value=self.low, unit=unit)
        if self.low is not None and self.high is not None:
            span = _("from {low:g} to {high:g}{unit}").format(low=self.low, high=self.high, unit=unit)
        elif self.low is not None:
            span = _("of at least {low:g}{unit}").format(low=self.low, unit=unit)
        else:
            span = ""
        noun = {"float": _("a number"), "int": _("a whole number"), "ints": _("a list of 1 to 8 whole numbers")}[self.kind]
        return _("allowed is {noun} {span}").format(noun=noun, span=span).strip()

    def snap(self, value: Any) -> Any:
        """Return the nearest value that the slider can show: within the bounds, on a step; the default if it is no number."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            return self.default
        if not math.isfinite(number):
            return self.default
        if self.step:
            origin = self.low or 0
            number = origin + round((number - origin) / self.step) * self.step
        number = min(max(number, self.low if self.low is not None else number), self.high if self.high is not None else number)
        return int(number) if self.kind == "int" else round(number, 10)


def read_knobs(function: Callable[..., Any]) -> dict[str, Knob]:
    """Return the knobs that a function, or a class by its `__init__`, declares by its keyword-only parameters.

    Raises:
        ValueError: a keyword-only parameter without a default or a `Knob`, or of a type that no knob has.
    """
    declaring = function.__init__ if isinstance(function, type) else function
    hints = typing.get_type_hints(declaring, include_extras=True)
    knobs = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        annotation = hints.get(parameter.name)
        declared = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, Knob)]
        if not declared or parameter.default is parameter.empty:
            raise ValueError(f"{function.__name__}.{parameter.name} needs Annotated[type, Knob(…)] and a default")
        knobs[parameter.name] = _complete(declared[0], parameter, typing.get_args(annotation)[0])
    return knobs


def _complete(knob: Knob, parameter: inspect.Parameter, kind: Any) -> Knob:
    if knob.registry is not None:
        return replace(knob, name=parameter.name, kind="choice" if kind is str else "method", default=parameter.default)
    if typing.get_origin(kind) is Literal:
        return replace(knob, name=parameter.name, kind="choice", default=parameter.default, options=typing.get_args(kind))
    if kind not in KINDS:
        raise ValueError(f"{parameter.name}: a knob is a float, an int, a bool, a Literal or a list[int], not {kind}")
    return replace(knob, name=parameter.name, kind=KINDS[kind], default=parameter.default)
