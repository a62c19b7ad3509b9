"""What a network costs, as rows of its card: size, latency, computation, parameters, each with how it was come by."""

from collections.abc import Mapping, Sequence
from typing import Any

from compression.charts.numbers import format_bytes, format_count, format_macs, format_milliseconds, format_percent
from compression.charts.tradeoff import evidence_title
from compression.measure.speed import same_structure, unreliable
from compression.roles import role_title
from compression.texts import gettext as _
from ui.run.ratios import NOTABLE, latency_told, ratio_text

Row = tuple[str, str, str, str]


def card_rows(
    model: Mapping[str, Any],
    against: Mapping[str, Any] | None,
    titles: Mapping[str, str] | None = None,
    models: Sequence[Mapping[str, Any]] = (),
) -> list[Row]:
    """Return what a network costs: what each number is, how it was come by, its value, and a note on it.

    Args:
        models: all roles of the result, which tell whether its latencies are reliable.
    """
    evidence, latency = model.get("evidence", {}), model.get("latency_ms") or {}
    size_evidence, other = evidence_title(evidence.get("size_bytes")), against or {}
    smaller = ratio_text(other.get("size_bytes"), model["size_bytes"], NOTABLE, _("{ratio} smaller"), _("{ratio} larger"))
    rows = [(_("Size"), size_evidence, format_bytes(model["size_bytes"]), smaller)]
    if (median := latency.get("median")) is not None:
        slowest = _("p95 {p95}").format(p95=format_milliseconds(latency["p95"]))
        how = evidence_title("simulated" if latency.get("simulated") else evidence.get("latency_ms"))
        note = _latency_note(model, against, models or [model])
        rows.append((_("Latency"), f"{how} · {slowest}", format_milliseconds(median), note))
    fewer = ratio_text(other.get("macs"), model["macs"], NOTABLE, _("{ratio} fewer"), _("{ratio} more"))
    rows.append((_("Computation"), evidence_title(evidence.get("macs")), format_macs(model["macs"]), fewer))
    nonzero = model.get("nonzero", model["parameters"])
    note = ratio_text(other.get("parameters"), model["parameters"], NOTABLE, _("{ratio} fewer"), _("{ratio} more"))
    note = note if nonzero == model["parameters"] else _("{count} not zero").format(count=format_count(nonzero))
    rows.append((_("Parameters"), evidence_title("counted"), format_count(model["parameters"]), note))
    if model.get("agreement") is not None:
        reference = "original" if "before_recovery" in model else "teacher"
        whom = _("with the {role}").format(role=role_title(reference, titles).lower())
        rows.append((_("Agreement"), f"{whom}, {_('test')}", format_percent(model["agreement"]), ""))
    return rows


def _latency_note(model: Mapping[str, Any], against: Mapping[str, Any] | None, models: Sequence[Mapping[str, Any]]) -> str:
    """Return what to know of a role's latency: that it is not reliable, how it compares, and why zeros did not shorten it."""
    if (model.get("latency_ms") or {}).get("simulated"):
        return _("activations not rounded")
    if unreliable(model, models):
        return _("not reliable: other work disturbed the timing")
    if not against or unreliable(against, models) or (against.get("latency_ms") or {}).get("simulated"):
        return ""
    told = latency_told(against, model, models)
    if told == _("as fast") and same_structure(model, against) and model.get("nonzero", 0) < against.get("nonzero", 0):
        return _("as fast: single weights set to zero are still multiplied; removing channels makes it faster")
    return told
