"""What labels and teacher weigh in a training, by the gradients that they gave."""

import json

import streamlit as st

from compression.charts.loss_scale import HEIGHT, describe_loss_scale
from compression.charts.numbers import format_percent
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.run.feed import watch
from ui.run.words import as_text
from ui.widgets.live_chart import live_chart

LABELS, TEACHER = "gradient_labels", "gradient_teacher"


def draw(run: Run) -> None:
    """Draw the lengths of the two gradients over a finished run's epochs, and the teacher's share of them in words."""
    frame = watch(run.id).frame
    frame = frame[frame["metric"].isin([LABELS, TEACHER])]
    sizes = frame.pivot_table(index="epoch", columns="metric", values="value")
    if not {LABELS, TEACHER} <= set(sizes.columns):
        st.info(_("This run did not measure its gradients: it is of an earlier version, or its scheme has a loss of its own."))
        return
    label = _("Length of the gradients of labels and teacher over epochs")
    live_chart(json.dumps(describe_loss_scale(frame, revision=run.id)), key="closer-scale", label=label, height=HEIGHT)
    shares = (sizes[TEACHER] / (sizes[TEACHER] + sizes[LABELS])).fillna(0.0)
    sentence = _(
        "The teacher's part gave {mean} of the two gradients' lengths on average, {first} in epoch {start} and {last} in epoch"
        " {end}. Measured on the last batch of {count} epochs, on the first seed's student. Alpha, T and a loss's weight set this"
        " balance, and it moves as the student learns: equal weights are not equal gradients."
    )
    numbers = {"mean": shares.mean(), "first": shares.iloc[0], "last": shares.iloc[-1]}
    places = {"start": int(sizes.index[0]), "end": int(sizes.index[-1]), "count": len(sizes)}
    st.caption(as_text(sentence.format(**{name: format_percent(share) for name, share in numbers.items()}, **places)))
