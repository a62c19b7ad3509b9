"""The short form of `python -m benchmarks chaos`: real processes through a stall that outlasts a lease, and killed at random."""

import pytest

from benchmarks import chaos
from benchmarks.chaos_lab import Lab, outcome

SHORT_LEASE_S = 3.0
SPECS = [
    {**chaos.DISTILL, "train": {"epochs": 60}, "seeds": [0]},
    {**chaos.COMPRESS, "steps": [{"name": "prune", "sparsity": 0.8}, {"name": "finetune", "epochs": 60}], "seeds": [0]},
]


@pytest.fixture(autouse=True)
def settings_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment that a lab under test sets end with the test."""
    for name in (
        "LAB_HOME",
        "LAB_THREADS",
        "LAB_DATABASE_URL",
        "LAB_RUNS_PER_PERSON",
        "CHAOS_CLOCKS",
        "CHAOS_SLOTS",
        "CHAOS_LEASE_SECONDS",
    ):
        monkeypatch.setenv(name, "to be replaced")


def test_a_locked_store_and_kills_neither_lose_nor_double_nor_change_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "LONGEST_PEACE_S", 1.0)
    monkeypatch.setattr(chaos, "VICTIMS", {"worker": 2, "supervisor": 1, "server": 1, "all": 1})

    def locked_while_they_work(lab: Lab) -> None:
        assert lab.at_work() == len(SPECS)
        chaos.write_locked(lab, SHORT_LEASE_S + 3)

    with chaos.lab(slots=len(SPECS), lease_s=SHORT_LEASE_S) as shaken:
        runs = shaken.wait([shaken.submit(spec) for spec in SPECS])
        undisturbed = [outcome(run, shaken.home, shaken.store) for run in runs]
        locked = chaos.through(shaken, locked_while_they_work, undisturbed, name="locked", method="", specs=SPECS)
        assert locked.value == f"{locked.target} as undisturbed"
        killed = chaos.under_kills(shaken, undisturbed, kills=4, specs=SPECS)
        assert killed.value == f"{killed.target} as undisturbed", killed.method
