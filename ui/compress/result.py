"""A compression while it runs and when it has ended: where it stands, how it recovers, and what came out."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.curves import describe_learning_curves
from compression.charts.numbers import format_ratio
from compression.runs.records import FINISHED, Run
from compression.targets import TARGETS
from compression.texts import gettext as _
from ui.compress.oddities import sparsity_text
from ui.compress.preview import trains
from ui.run import layer_table, result_cards
from ui.run.downloads import download_row
from ui.run.feed import Watch, watch
from ui.run.live import follow
from ui.run.words import as_text, settings_text, what
from ui.widgets.live_chart import live_chart

HEIGHT = 300  # pixels
ROLES_DRAWN = ("original", "compressed")


def invite(recovers: bool) -> None:
    """Say what pressing Run will do."""
    with st.container(border=True, key="invitation"):
        then = _("trains on to recover") if recovers else _("is measured as it is")
        st.markdown(
            _("**Press Run compression.** The network is pruned and quantized as marked above, then {then}.").format(then=then)
        )
        st.caption(_("It ends with the file, the measured latency and a verdict. Closing the tab does not stop a run."))


def show(run: Run, wanted: Mapping[str, Any] | None) -> None:
    """Draw a run: its standing or its verdict, its recovery, and once it has finished its result.

    Args:
        wanted: the spec that the controls ask for now, to say when it is another than the run's.
    """
    changed = wanted is not None and wanted != run.spec
    told = [what(run), settings_text(run.spec), *([_("the controls have changed since")] if changed else [])]
    st.caption(as_text(" · ".join(filter(None, told))))
    follow(run.id, _recovery)
    if run.state == FINISHED and run.result:
        st.caption(honest_remark(run))
        if run.result["models"]["compressed"]["latency_ms"].get("simulated"):
            st.caption(activations_remark())
        for sentence in stops(run):
            st.caption(sentence)
        result_cards.show_roles(run)
        layer_table.show(watch(run.id).kept, run.id)
    download_row(run)


def _recovery(seen: Watch) -> None:
    """Draw the validation accuracy of the compressed network against the original's, if anything trains."""
    if seen.frame.empty and not seen.run.active:
        return
    if not trains(seen.run.spec) and "epoch" in seen.frame and seen.frame["epoch"].isna().all():
        return
    figure = seen.figure("recovery", lambda frame: _curves(frame, seen.run))
    label = _("Validation accuracy of the original and the compressed network over epochs")
    live_chart(figure, key="compress-recovery", label=label, height=HEIGHT)


def _curves(frame: pd.DataFrame, run: Run) -> dict[str, Any]:
    tuned = sum(step.get("epochs", 0) for step in run.spec["steps"])
    looks = {"roles": ROLES_DRAWN, "epochs": tuned or None, "height": HEIGHT, "revision": run.id}
    chart = describe_learning_curves(frame, "val_accuracy", **looks)
    accuracies = frame.loc[frame["metric"] == "val_accuracy", "value"]
    # From below the start: how far the network comes back is what there is to see.
    chart["layout"]["yaxis"]["range"] = [max(0.0, accuracies.min() - 0.05) if len(accuracies) else 0.0, 1.02]
    return chart


def stops(run: Run) -> list[str]:
    """Return for each seed of which a step ended early where that was."""
    rows = (run.result or {})["models"]["compressed"]["per_seed"]
    return [_stop(row["seed"], row["stopped"]) for row in rows if "stopped" in row]


def _stop(seed: int, stopped: dict[str, Any]) -> str:
    why = stopped.get("until", "")
    told = {"seed": seed, "epoch": stopped.get("epoch", "?"), "until": _(TARGETS[why].title) if why in TARGETS else why}
    if "sparsity" not in stopped:
        return _("Seed {seed}: a training step ended after epoch {epoch}, since: {until}.").format(**told)
    sentence = _("Seed {seed}: pruning ended after epoch {epoch} at {sparsity}, since: {until}.")
    return sentence.format(**told, sparsity=sparsity_text(stopped["sparsity"]))


def activations_remark() -> str:
    """Return what is timed where activations are rounded."""
    return _(
        "Activations are rounded in simulation, at full precision: accuracy is what few bits would leave, and the latency is "
        "that of the network without this rounding. How fast few bits are on a device that computes with them is not known here."
    )


def honest_remark(run: Run) -> str:
    """Return why the latency stays as it is, or what makes it shorter."""
    models, steps = (run.result or {})["models"], run.spec["steps"]
    ratio = models["original"]["macs"] / models["compressed"]["macs"]
    if ratio > 1:
        sentence = _(
            "Channels are removed, not only set to zero: an image takes {ratio} fewer multiplications, and what that saves of"
            " its time is measured. Few bits make the file smaller alone: no kernel here makes use of them."
        )
        return sentence.format(ratio=format_ratio(ratio))
    if any(step["name"] == "remove" for step in steps):
        return _("No channel was removed, since none is zero as a whole: the network computes as before, at the same latency.")
    sentence = _(
        "Smaller, not faster: no kernel here makes use of zeros or of a few bits, so the compressed network computes in full "
        "precision, and its latency is the original's."
    )
    if any(step.get("granularity") == "channel" for step in steps):
        return f"{sentence} {_('Remove pruned channels, a box to tick beside pruning, takes the zeros out: that is faster.')}"
    return f"{sentence} {_('Pruning whole channels and removing them is what makes a network faster.')}"
