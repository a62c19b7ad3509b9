"""When a run counts as abandoned: judged by change, over time that this process spent awake beside a store that works."""

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from compression.runs.records import Standing

if TYPE_CHECKING:
    from compression.runs.store import Store

LEASE_S = 10.0
AWAKE_S = 60.0
ELSEWHERE_S = 600.0
DOUBTFUL_S = 2.0
LONGEST_CALL_S = 1.5
LONGEST_GAP_S = 3.0


class Leases:
    """Finds leases that nobody renews; only the supervisor may end a run for it.

    A lease is abandoned when it stayed the same for `LEASE_S` seconds of this process's monotonic clock, without a stall
    between: a stall is a call of the store that failed or was slow, or a gap between two looks, as after sleep. After one,
    counting begins anew, so that whoever was held up by the same stall has its time to renew. The clock on the wall plays no
    part.

    Args:
        store: looked at, and written to while a lease is in doubt or after a stall, since a locked store may still be read.
        machine: this one, where others share the store: their leases are given `ELSEWHERE_S`, for what holds them up is not
            seen from here. Their own supervisors are quicker.
        clock: monotonic seconds.
    """

    def __init__(self, store: "Store", *, machine: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._machine, self._clock = store, machine, clock
        self._since: dict[Standing, float] = {}
        self._looked, self._stalled = clock(), False

    def look(self, awake: Collection[str] = ()) -> tuple[list[Standing], list[Standing]]:
        """Return all standing leases, and those among them that are abandoned; to be called about each second.

        Args:
            awake: the tokens of workers that are known to live: they are given `AWAKE_S`, for on a busy machine they may be slow.

        Raises:
            StoreError: the store cannot be used.
        """
        began, since, stalled = self._clock(), self._since, self._stalled
        self._since, self._stalled = {}, True
        standings = self._store.standings()
        if stalled or any(began - since.get(standing, began) > DOUBTFUL_S for standing in standings):
            self._store.probe()
        now = self._clock()
        self._stalled = began - self._looked > LONGEST_GAP_S or now - began > LONGEST_CALL_S
        if self._stalled:
            since = {}
        self._looked = now
        self._since = {standing: since.get(standing, now) for standing in standings}
        patience = {standing: self._patience(standing, awake) for standing in standings}
        return standings, [standing for standing, first in self._since.items() if now - first > patience[standing]]

    def _patience(self, standing: Standing, awake: Collection[str]) -> float:
        if standing.token in awake:
            return AWAKE_S
        elsewhere = self._machine is not None and standing.host not in (None, self._machine)
        return ELSEWHERE_S if elsewhere else LEASE_S
