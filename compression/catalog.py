"""How a method is declared, found, checked and documented: one function in one file, its keyword-only parameters its knobs."""

import difflib
import functools
import importlib
import inspect
import math
import pkgutil
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from compression.errors import SpecError
from compression.texts import gettext as _

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


@dataclass(frozen=True)
class Entry:
    """One registered method."""

    name: str
    function: Callable[..., Any]
    title: str
    source: str
    caption: str
    knobs: Mapping[str, Knob]
    traits: Mapping[str, Any] = field(default_factory=dict)

    def bind(self, choice: Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function with the knobs of a checked choice set: `{"name": …, knobs}` or the knobs alone."""
        return functools.partial(self.function, **{key: value for key, value in choice.items() if key != "name"})

    def check(self, given: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return the complete knobs: those given, checked, and the defaults of the others, but for knobs that came `later`.

        Raises:
            SpecError: an unknown knob or a value that its knob does not allow.
        """
        given = self._beside(given)
        knobs = self.knobs_with(given, where)
        for key in given:
            if key not in knobs:
                known = _("allowed is one of {names}").format(names=", ".join(knobs) or _("no setting at all"))
                sentence = _("{name} has no setting of that name: {known}").format(name=self.name, known=known)
                raise SpecError(f"{where}.{key}", given[key], sentence)
        checked = {name: knob.check(given.get(name, knob.default), f"{where}.{name}") for name, knob in knobs.items()}
        return {name: value for name, value in checked.items() if not (knobs[name].later and value == knobs[name].default)}

    def knobs_with(self, given: Mapping[str, Any], where: str = "") -> dict[str, Knob]:
        """Return the knobs, followed by those of the methods chosen whose settings stand beside the choice.

        Of a knob that both have, the method's own holds where its bounds are others.

        Raises:
            SpecError: there is no such method.
        """
        knobs = dict(self.knobs)
        for knob in self.knobs.values():
            if knob.beside:
                own = knob.registry[knob.check(given.get(knob.name, knob.default), f"{where}.{knob.name}")].knobs
                narrower = {name: own[name] for name in own.keys() & knobs.keys() if own[name].bounds != knobs[name].bounds}
                knobs = {**own, **knobs, **narrower}
        return {**self.knobs, **knobs}

    def _beside(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was given with settings beside the method's name where they stood within."""
        flat = dict(given)
        for name, knob in self.knobs.items():
            if knob.beside and isinstance(flat.get(name), Mapping) and "name" in flat[name]:
                within = dict(flat[name])
                flat = {**flat, name: within.pop("name"), **within}
        return flat


class Registry(Mapping[str, Entry]):
    """The methods of one folder, by name; the folder's files are imported at first use.

    Args:
        package: the package whose modules register entries here.
        noun: what an entry is, for messages.
    """

    def __init__(self, package: str, noun: str) -> None:
        self.package, self.noun = package, noun
        self._entries: dict[str, Entry] = {}
        self._loaded = False

    def register(
        self, *, title: str, source: str, name: str | None = None, **traits: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return a decorator that adds a function, or a class that has trained parts, under its own name or the one given.

        Raises:
            ValueError: the name is taken, or the function lacks a docstring or a knob its declaration.
        """

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            key = name or function.__name__
            if key in self._entries:
                raise ValueError(f"{self.noun} {key!r} is registered twice")
            caption = (inspect.getdoc(function) or "").split("\n")[0]
            if not caption:
                raise ValueError(f"{self.noun} {key!r} has no docstring")
            self._entries[key] = Entry(key, function, title, source, caption, read_knobs(function), traits)
            return function

        return add

    def load(self) -> None:
        """Import every file of the folder; an import error propagates."""
        if not self._loaded:
            package = importlib.import_module(self.package)
            for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
                importlib.import_module(f"{self.package}.{module.name}")
            # In the order of files, whichever of them somebody imported first.
            self._entries = dict(sorted(self._entries.items(), key=lambda item: item[1].function.__module__))
            self._loaded = True

    def find(self, name: Any, where: str) -> Entry:
        """Return the entry of that name.

        Raises:
            SpecError: unknown; the message suggests the nearest name.
        """
        self.load()
        if isinstance(name, str) and name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(str(name), self._entries, n=1)
        hint = _(" (did you mean {name}?)").format(name=near[0]) if near else ""
        raise SpecError(where, name, _("allowed is one of {names}").format(names=", ".join(self._entries)) + hint)

    def check(self, raw: Any, where: str) -> dict[str, Any]:
        """Return a choice complete with every knob, from `{"name": …, knobs}`.

        Raises:
            SpecError: not an object with a name, an unknown name, or a knob that does not allow its value.
        """
        if not isinstance(raw, Mapping) or "name" not in raw:
            raise SpecError(
                where,
                raw,
                _('allowed is an object with a "name" and settings, such as {{"name": "{name}"}}').format(name=next(iter(self))),
            )
        entry = self.find(raw["name"], f"{where}.name")
        return {"name": entry.name, **entry.check({key: value for key, value in raw.items() if key != "name"}, where)}

    def bind(self, choice: str | Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function of a checked choice with its knobs set; a bare name stands for the knobs' defaults."""
        return self[choice].function if isinstance(choice, str) else self[choice["name"]].bind(choice)

    def __getitem__(self, name: str) -> Entry:
        return self.find(name, self.noun)

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(self._entries)

    def __len__(self) -> int:
        self.load()
        return len(self._entries)


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
