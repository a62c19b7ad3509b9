"""How long the runs of a card take on this server, as the page that starts them predicts it."""

from collections.abc import Iterable

from compression.card_records import asked_for
from compression.cards import Card
from compression.charts.numbers import format_about
from compression.spec import Spec
from compression.sweep import Sweep
from compression.texts import gettext as _
from ui.run import forecast


def about(card: Card, parts: Iterable[str]) -> str:
    """Return how long some of a card's runs take here within its budget for a CPU: "about 15 min"; empty where unknown."""
    expected = forecast.seconds_together([spec for part in parts for spec in _specs(card, part)], "auto")
    return "" if expected is None else _("about {time}").format(time=format_about(expected))


def _specs(card: Card, part: str) -> list[Spec]:
    request = asked_for(card, part)
    return [cell.spec for cell in request.cells()] if isinstance(request, Sweep) else [request]
