"""Papers: what papers report, what this lab measured, and whether that is the same."""

import streamlit as st

from compression.cards import cards
from compression.texts import gettext as _
from ui.frame.pages import PAPERS, header

header(PAPERS)
with st.spinner(_("Getting ready …")):
    from ui.papers import view, words
    from ui.papers.found import known

    found = [known(card) for card in cards().values() if card.source]
st.markdown(
    _(
        "Each card is a claim of a paper, with settings that anyone can run. Its figures of this lab were written down by a"
        " command that ran them; what was not run says so."
    )
)
st.caption(words.standings(found))
st.html(view.CSS)
for one in found:
    view.show(one)
