"""The fair fight: a switch that lets student and baseline each pick its own learning rate, and the rates they pick from."""

import json

import streamlit as st

from compression.errors import SpecError
from compression.spec import parse
from compression.texts import gettext as _
from ui.address.settings import Address, refused, setting_text

RATES = [0.05, 0.1, 0.2, 0.4, 0.8]
SWITCH, TRIED = "tune", "tune.lr"
LONGEST_TEXT = 80


def is_on(address: Address) -> bool:
    """Return where the switch stands, before it is drawn; a link that says only the rates has it on."""
    words = {"yes": True, "no": False, "none": False}

    def understand(text: str) -> bool:
        if text not in words:
            raise ValueError(refused(_("Fair fight"), text, _("allowed is yes or no"), _("no")).args[0], False)
        return words[text]

    default = address.asks(TRIED) not in (None, "none")
    return bool(address.read(SWITCH, default, understand))


def switch(address: Address) -> None:
    """Draw the switch; `is_on` has read it."""
    help_text = _(
        "Student and baseline each pick the learning rate that is best on validation images, with seeds that do not count. "
        "It takes more trainings: {rates} rates, 2 seeds, both roles."
    ).format(rates=len(RATES))
    on = st.toggle(_("Fair fight"), key=address.key(SWITCH), help=help_text, persist_state="session")
    address.keep(SWITCH, on)


def rates(address: Address) -> list[float]:
    """Draw the learning rates that are tried; text that is no list of rates stays there, and nothing can run."""
    usual, key = setting_text(RATES), address.key(TRIED)
    address.read(TRIED, usual, lambda text: text[:LONGEST_TEXT].strip())
    label = _("Learning rates to try")
    text = st.text_input(label, key=key, persist_state="session", max_chars=LONGEST_TEXT)
    address.keep(TRIED, text or " ")
    try:
        found = json.loads(f"[{text}]")
        parse({"kind": "distill", TRIED.partition(".")[0]: {"lr": found}})
    except (SpecError, json.JSONDecodeError, RecursionError):
        sentence = _("{label}: allowed is a list of up to 8 numbers from 0.00001 to 2, each once, such as {example}.")
        sentence = sentence.format(label=label, example=usual)
        st.error(sentence)
        address.block(sentence)
        return RATES
    return [float(rate) for rate in found]
