"""Ready-made specs parse, and an unknown name is refused."""

import pytest

from compression.cards import cards, load_card
from compression.errors import SpecError
from compression.spec import parse


def test_every_card_is_a_valid_spec_and_a_paper_card_says_what_differs():
    assert {"digits-distill", "digits-compress", "hinton-2015-mnist"} <= set(cards())
    for card in cards().values():
        parse(card.spec)
        assert card.says
        assert bool(card.source) == bool(card.differs)


def test_an_unknown_card_is_refused():
    with pytest.raises(SpecError, match="digits-distill"):
        load_card("../spec")
