"""What a sweep's chart says of its figures."""

import pytest

from ui.run.sweep_outcome import Found, figure


@pytest.mark.parametrize(("simulated", "title"), [(True, "Latency (ms), partly simulated"), (False, "Latency (ms)")])
def test_a_chart_of_simulated_latencies_says_so(simulated: bool, title: str) -> None:
    def cell(bits: int, simulated: bool) -> dict:
        model = {"latency_ms": {"median": 0.25, "simulated": simulated}, "per_seed": [{"seed": 0, "validation_accuracy": 0.9}]}
        models = {"original": model | {"latency_ms": {"median": 0.25, "simulated": False}}, "compressed": model}
        return {"at": {"steps.0.activation_bits": bits}, "run": f"r{bits}", "state": "finished", "models": models}

    drawn = figure(Found([cell(2, False), cell(4, simulated)], {"steps.0.activation_bits": [2, 4]}), "latency_ms", "r")
    assert drawn.layout.yaxis.title.text == title
    assert ("(simulated)" in drawn.to_json()) == simulated
