"""Papers: what papers report, and what this lab measured of it, what was measured first."""

import streamlit as st

from compression.cards import cards
from compression.texts import gettext as _
from ui.frame.pages import PAPERS, header

header(PAPERS)
with st.spinner(_("Getting ready …")):
    from ui.papers import view, words
    from ui.papers.found import known

    found = [known(card) for card in cards().values() if card.source]
st.markdown(words.summary(found))
st.caption(
    _(
        "Each card is a claim of a paper, with settings that anyone can run. The figures of this lab were recorded by the command"
        " at the foot of the card."
    )
)
st.html(view.CSS)
for title, group in words.groups(found):
    st.subheader(title, anchor=False)
    for one in group:
        view.show(one)
