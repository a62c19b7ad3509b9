"""The result of a run: the verdict in words, and a card a role with its numbers and how each was come by."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from compression.charts.numbers import (
    format_bytes,
    format_count,
    format_macs,
    format_milliseconds,
    format_percent,
    format_points,
    format_ratio,
)
from compression.charts.style import ROLES, role_title
from compression.charts.tradeoff import evidence_title
from compression.runs.records import Run
from compression.texts import gettext as _
from compression.texts import mark
from ui.run.downloads import network_button
from ui.run.words import network

CSS = Path(__file__).with_name("result_cards.css")
SHAPES = {"square": "square", "triangle-up": "triangle", "circle": "circle", "diamond": "diamond"}
NOTABLY_SMALLER = 1.05
ANSWERS = {
    "yes": (mark("Yes"), ":material/check_circle:", "green"),
    "no": (mark("No"), ":material/cancel:", "red"),
    "inconclusive": (mark("Inconclusive"), ":material/help:", "orange"),
}
NO_ANSWER = (mark("No baseline"), ":material/info:", "gray")


def verdict_sentence(kind: str, verdict: Mapping[str, Any] | None, tolerance: float = 0.01) -> str:
    """Return what a result shows, in one sentence with its interval.

    Args:
        kind: `distill` or `compress`.
        verdict: as a result has it; None: the run had no baseline.
        tolerance: of a compression, the loss of accuracy that the claim allows, 0 to 1.
    """
    if verdict is None:
        return _("Without a baseline there is no telling what the teacher was worth; train one too to find out.")
    difference, (low, high) = verdict["difference"], verdict["interval"]
    if kind == "distill" and (verdict.get("reason") == "no_difference" or difference == low == high == 0):
        return _("No difference at all: with these settings the student learned as if it had no teacher.")
    if kind == "compress":
        sentence = _compress_sentence(verdict["answer"])
        difference, low, high = -difference, -high, -low
    else:
        sentence = _distill_sentence(verdict["answer"])
        if verdict["answer"] == "no":
            difference, low, high = -difference, -high, -low
    basis = _basis(verdict["seeds"])
    numbers = {"points": format_points(difference), "low": format_points(low), "high": format_points(high), "basis": basis}
    return sentence.format(**numbers, most=format_points(tolerance))


def _distill_sentence(answer: str) -> str:
    return {
        "yes": _("Distillation beats training alone by {points} points, 95 % interval {low} to {high}, {basis}."),
        "no": _("Distillation falls behind training alone by {points} points, 95 % interval {low} to {high}, {basis}."),
        "inconclusive": _("No clear winner: distillation differs by {points} points, 95 % interval {low} to {high}, {basis}."),
    }[answer]


def _compress_sentence(answer: str) -> str:
    return {
        "yes": _("Compression costs {points} points, 95 % interval {low} to {high}, {basis}: within the {most} allowed."),
        "no": _("Compression costs {points} points, 95 % interval {low} to {high}, {basis}: more than the {most} allowed."),
        "inconclusive": _(
            "Compression costs {points} points, 95 % interval {low} to {high}, {basis}: too uncertain to say whether "
            "that is within the {most} allowed."
        ),
    }[answer]


def _basis(seeds: int) -> str:
    if seeds == 1:
        return _("over test images of one seed, so the luck of training is not in it")
    return _("{seeds} seeds").format(seeds=seeds)


def show_verdict(run: Run) -> None:
    """Draw the verdict of a finished run."""
    verdict = (run.result or {}).get("verdict")
    sentence = verdict_sentence(run.kind, verdict, run.spec.get("tolerance", 0.01))
    word, icon, colour = ANSWERS[verdict["answer"]] if verdict else NO_ANSWER
    with st.container(border=True, key="verdict"):
        st.markdown(f":{colour}-badge[{icon} {_(word)}] **{sentence}**")


def show_roles(run: Run) -> None:
    """Draw the roles of a finished run side by side, with each network to download."""
    st.html(CSS)
    models = {role: model for role, model in (run.result or {}).get("models", {}).items() if role in ROLES}
    first = next(iter(models.values()), {})
    for column, (role, model) in zip(st.columns(max(len(models), 1), gap="small"), models.items(), strict=True):
        with column.container(border=True, height="stretch", gap="small"):
            st.html(card_html(role, model, None if model is first else first))
            network_button(run, str(model.get("artifact")), _("Download"), key=f"download-{run.id}-{role}", width="stretch")
    st.caption(_("How these numbers were come by"), help=origins())


def origins() -> str:
    """Return what the words beside the numbers mean, a line each."""
    lines = {
        evidence_title("measured"): _("run here, on real kernels; p95: of 100 timings 95 are faster"),
        evidence_title("file"): _("from a file that loads back to the same predictions"),
        evidence_title("simulated"): _("computed at full precision, with weights that are set to zero or rounded"),
        evidence_title("counted"): _("follows from the network's shape"),
        _("the range below an accuracy"): _("its 95 % interval, over seeds and test images together"),
    }
    return "\n".join(f"- **{word}**: {meaning}" for word, meaning in lines.items())


def card_html(role: str, model: Mapping[str, Any], against: Mapping[str, Any] | None = None) -> str:
    """Return a role's card; `against` is the network that its size is compared with."""
    style = ROLES[role]
    low, high = (100 * bound for bound in model["accuracy_interval"])
    interval = _("{low:.1f} to {high:.1f} %").format(low=low, high=high)
    evidence = evidence_title(model.get("evidence", {}).get("accuracy"))
    rows = "".join(
        f'<div class="number"><span>{_both(name, how)}</span><span>{_both(value, note)}</span></div>'
        for name, how, value, note in card_rows(model, against)
    )
    return (
        f'<div class="role-card" style="--role: {style.colour}">'
        f'<div class="role"><i class="{SHAPES[style.symbol]}"></i>{html.escape(role_title(role))}</div>'
        f'<div class="network">{html.escape(network(model.get("architecture")))}</div>'
        f'<div class="accuracy">{html.escape(format_percent(model["accuracy"]))}</div>'
        f"<small>{html.escape(interval)} · {html.escape(evidence)}</small>{rows}</div>"
    )


def _both(text: str, small: str) -> str:
    return html.escape(text) + (f"<small>{html.escape(small)}</small>" if small else "")


def card_rows(model: Mapping[str, Any], against: Mapping[str, Any] | None) -> list[tuple[str, str, str, str]]:
    """Return the numbers of a card: what each is, how it was come by, its value, and a note on it."""
    evidence, latency = model.get("evidence", {}), model.get("latency_ms") or {}
    size_evidence = evidence_title(evidence.get("size_bytes"))
    rows = [(_("Size"), size_evidence, format_bytes(model["size_bytes"]), _smaller(model, against))]
    if latency.get("median") is not None:
        slowest = _("p95 {p95}").format(p95=format_milliseconds(latency["p95"]))
        how = evidence_title("simulated" if latency.get("simulated") else evidence.get("latency_ms"))
        rows.append((_("Latency"), how, format_milliseconds(latency["median"]), slowest))
    rows.append((_("Computation"), evidence_title(evidence.get("macs")), format_macs(model["macs"]), ""))
    nonzero = model.get("nonzero", model["parameters"])
    note = "" if nonzero == model["parameters"] else _("{count} not zero").format(count=format_count(nonzero))
    rows.append((_("Parameters"), evidence_title("counted"), format_count(model["parameters"]), note))
    if model.get("agreement") is not None:
        whom = _("with the original") if "before_recovery" in model else _("with the teacher")
        rows.append((_("Agreement"), whom, format_percent(model["agreement"]), ""))
    return rows


def _smaller(model: Mapping[str, Any], against: Mapping[str, Any] | None) -> str:
    if not against or not model["size_bytes"] or against["size_bytes"] / model["size_bytes"] < NOTABLY_SMALLER:
        return ""
    return _("{ratio} smaller").format(ratio=format_ratio(against["size_bytes"] / model["size_bytes"]))
