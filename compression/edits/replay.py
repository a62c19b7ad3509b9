"""Edits applied to a network: once when a step makes them, and again whenever the network is built from its file's facts."""

import typing
from collections.abc import Mapping
from typing import Any

from torch import nn

from compression.edits import EDITS
from compression.errors import DataError
from compression.steps.state import State
from compression.texts import gettext as _

MOST_EDITS = 256


def apply(state: State, edit: Mapping[str, Any]) -> None:
    """Change a network and all that the state holds of it, and note the edit in the state.

    Args:
        edit: `name` and what the edit's function takes beside the state, JSON-safe.

    Raises:
        DataError: an unknown edit, other values than it takes, or one that does not fit the network, which is then unchanged.
    """
    function = _find(edit)
    values = {key: value for key, value in edit.items() if key != "name"}
    kinds = {name: kind for name, kind in typing.get_type_hints(function).items() if name not in ("state", "return")}
    if values.keys() != kinds.keys() or not all(_is(value, kinds[name]) for name, value in values.items()):
        sentence = _("{edit} takes {names}, and was given something else")
        raise DataError(sentence.format(edit=edit["name"], names=", ".join(kinds)))
    function(state, **values)
    state.edits = [*state.edits, dict(edit)]


def replay(model: nn.Module, edits: Any) -> None:
    """Repeat edits on a network as its architecture describes it.

    Args:
        edits: what a file says, which may be anything.

    Raises:
        DataError: they are no list of edits, too many, or one cannot be applied.
    """
    if not isinstance(edits, (list, tuple)) or len(edits) > MOST_EDITS:
        raise DataError(_("its edits are not a list of at most {most}.").format(most=MOST_EDITS))
    state = State(model)
    for number, edit in enumerate(edits, 1):
        try:
            apply(state, edit)
        except DataError as error:
            sentence = _("its edit number {number} cannot be repeated: {reason}.")
            raise DataError(sentence.format(number=number, reason=str(error).rstrip("."))) from error


def _find(edit: Any) -> Any:
    if not isinstance(edit, Mapping) or not isinstance(edit.get("name"), str):
        raise DataError(_("an edit is an object with a name"))
    if edit["name"] not in EDITS:
        sentence = _("this version knows {names}, and no edit {name!r}")
        raise DataError(sentence.format(names=", ".join(EDITS), name=edit["name"][:40]))
    return EDITS[edit["name"]].function


def _is(value: Any, kind: Any) -> bool:
    """Tell whether a JSON value is of a declared type: a plain one, or a list of one."""
    if typing.get_origin(kind) is list:
        return isinstance(value, list) and all(_is(one, typing.get_args(kind)[0]) for one in value)
    return type(value) is kind
