"""When a lease counts as abandoned, with a clock and a store that the test moves."""

import pytest

from compression.errors import StoreError
from compression.runs.leases import AWAKE_S, LEASE_S, Leases
from compression.runs.records import Standing


class Scene:
    """A store whose leases, delays and troubles the test sets, and the monotonic clock that runs meanwhile."""

    def __init__(self) -> None:
        self.now, self.slow_read, self.slow_write, self.broken = 1000.0, 0.0, 0.0, False
        self.leases = {"held": 0.0, "left": 0.0}
        self.probes = 0
        self.watch = Leases(self, clock=lambda: self.now)

    def standings(self) -> list[Standing]:
        self.now += self.slow_read
        if self.broken:
            raise StoreError("away")
        return [Standing(run, f"t of {run}", until) for run, until in self.leases.items()]

    def probe(self) -> None:
        self.now += self.slow_write
        self.probes += 1

    def pass_time(self, seconds: float, *, renewed: tuple[str, ...] = ("held",), step: float = 1.0) -> list[str]:
        """Look each second while some leases are renewed, and return what was found abandoned."""
        found = []
        for _second in range(round(seconds / step)):
            self.now += step
            for run in renewed:
                self.leases[run] += 1.0
            found += [standing.run for standing in self.watch.look()[1]]
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_lease_that_nobody_renews_is_abandoned_in_time_and_a_renewed_one_never(scene: Scene) -> None:
    assert scene.pass_time(LEASE_S) == []
    assert set(scene.pass_time(3)) == {"left"}
    assert [standing.run for standing in scene.watch.look()[0]] == ["held", "left"]


def test_a_holder_that_comes_back_in_time_keeps_its_run(scene: Scene) -> None:
    for _round in range(5):
        assert scene.pass_time(LEASE_S - 1) == []
        assert scene.pass_time(1, renewed=("held", "left")) == []


@pytest.mark.parametrize("back", [1.0, -3600.0])
def test_a_clock_on_the_wall_that_is_set_changes_nothing(scene: Scene, back: float) -> None:
    scene.pass_time(2)
    scene.leases["held"] += back
    assert set(scene.pass_time(LEASE_S + 2)) == {"left"}


def test_after_sleep_everybody_has_the_whole_lease_again(scene: Scene) -> None:
    scene.pass_time(LEASE_S - 1)
    scene.now += 3600
    assert scene.pass_time(LEASE_S, renewed=()) == []
    assert set(scene.pass_time(3)) == {"left"}


def test_after_a_store_that_could_not_be_written_everybody_has_the_whole_lease_again(scene: Scene) -> None:
    scene.slow_write = 20.0  # locked: it is read at once, but a write waits
    assert scene.pass_time(200, renewed=()) == []
    assert scene.probes > 0
    scene.slow_write = 0.0
    assert scene.pass_time(LEASE_S, renewed=()) == []
    assert set(scene.pass_time(3)) == {"left"}


def test_after_a_slow_read_everybody_has_the_whole_lease_again(scene: Scene) -> None:
    scene.pass_time(LEASE_S)
    scene.slow_read = 2.0
    assert scene.pass_time(1, renewed=()) == []
    scene.slow_read = 0.0
    assert scene.pass_time(LEASE_S, renewed=()) == []


@pytest.mark.parametrize("attempts", [1, 20])
def test_after_a_store_that_was_away_everybody_has_the_whole_lease_again(attempts: int, scene: Scene) -> None:
    scene.pass_time(LEASE_S)
    scene.broken = True
    for _attempt in range(attempts):
        scene.now += 1
        with pytest.raises(StoreError):
            scene.watch.look()
    scene.broken = False
    assert scene.pass_time(LEASE_S, renewed=()) == []
    assert set(scene.pass_time(3)) == {"left"}


def test_a_worker_that_is_known_to_live_may_be_slow(scene: Scene) -> None:
    found = set()
    for _second in range(round(AWAKE_S)):
        scene.now += 1
        found |= {standing.run for standing in scene.watch.look({"t of left"})[1]}
    assert found == {"held"}
    scene.now += 2
    assert {standing.run for standing in scene.watch.look({"t of left"})[1]} == {"held", "left"}


def test_nothing_is_written_while_everybody_renews(scene: Scene) -> None:
    scene.pass_time(60, renewed=("held", "left"))
    assert scene.probes == 0
