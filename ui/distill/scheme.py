"""How teachers and students are arranged: the choice of a scheme, with its knobs."""

from typing import Any

from compression.schemes import OFFLINE, SCHEMES
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.form import shared
from ui.form.widgets import choose


def draw(address: Address) -> dict[str, Any]:
    """Draw the choice of a scheme and, but for the usual one, what it does, its knobs and its formula; return it."""
    entry = choose(address, SCHEMES, "scheme", default=OFFLINE["name"], label=_("Scheme"))
    return OFFLINE if entry.name == OFFLINE["name"] else shared.distillation_loss(address, entry, "scheme")
