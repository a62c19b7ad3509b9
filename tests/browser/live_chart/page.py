"""A live chart that grows by an epoch at each refresh, and says which point was clicked."""

import pandas as pd
import streamlit as st

from compression.charts.curves import learning_curves
from ui.widgets.live_chart import live_chart

REFRESH_S = 0.2


@st.fragment(run_every=REFRESH_S)
def growing() -> None:
    """Draw one epoch more than the last time."""
    st.session_state.epochs = epochs = st.session_state.get("epochs", 3) + 1
    rows = [
        (role, seed, float(epoch), "val_accuracy", top - 0.6 / epoch - seed / 50)
        for role, top in (("baseline", 0.94), ("student", 0.97))
        for seed in range(2)
        for epoch in range(1, epochs)
    ]
    rows.append(("teacher", 0, float("nan"), "val_accuracy", 0.99))
    frame = pd.DataFrame(rows, columns=["role", "seed", "epoch", "metric", "value"])
    figure = learning_curves(frame, "val_accuracy", epochs=100)
    figure.update_traces(customdata=["chosen"] * 200, selector={"meta": "student-val_accuracy"})
    chosen = live_chart(figure, key="growing", label="Validation accuracy", clickable=True)
    if chosen:
        st.session_state.chosen = chosen
    st.caption(f"refresh {epochs}")
    st.caption(f"clicked {st.session_state.get('chosen', 'nothing')}")


growing()
