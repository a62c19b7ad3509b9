"""How a method is declared, found, checked and documented: one function in one file, its keyword-only parameters its knobs."""

import difflib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compression.errors import SpecError
from compression.knobs import Knob, read_knobs
from compression.texts import gettext as _


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
        self._finders: list[Callable[[str, str], Entry | None]] = []
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

    def finds(self, finder: Callable[[str, str], Entry | None]) -> None:
        """Add what finds entries that no file declares, by name and by where the name stood; they are in no listing.

        It returns None for a name that is none of its own, and raises a `SpecError` for one whose entry is not there.
        """
        self._finders.append(finder)

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
        if isinstance(name, str):
            for finder in self._finders:
                if (entry := finder(name, where)) is not None:
                    return entry
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
        try:
            return bool(self.find(name, self.noun))
        except SpecError:
            return False

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(self._entries)

    def __len__(self) -> int:
        self.load()
        return len(self._entries)
