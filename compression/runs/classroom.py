"""What happens to everybody's waiting runs at once; who may do so is for the caller to know, see `lecturer.py`."""

from sqlalchemy import func, select, update

from compression.errors import LabError
from compression.runs import records
from compression.runs.database import Database
from compression.runs.records import CANCELLED, QUEUED, Run
from compression.runs.rows import end, row_of
from compression.runs.schema import RUNS
from compression.texts import gettext as _


class Classroom(Database):
    """Changes the queue."""

    def move_to_front(self, run_id: str) -> Run:
        """Let a waiting run start before all others and return it.

        Raises:
            NotFoundError: there is none of that id.
            LabError: it does not wait.
        """
        with self._write() as connection:
            if row_of(connection, run_id)["state"] != QUEUED:
                raise LabError(_("Run {id} does not wait; only a waiting run moves to the front.").format(id=run_id))
            highest = connection.scalar(select(func.max(RUNS.c.priority)).where(RUNS.c.state == QUEUED)) or 0
            connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(priority=highest + 1))
            return records.read_run(row_of(connection, run_id))

    def clear_queue(self) -> int:
        """Cancel all runs that wait, and return how many there were."""
        with self._write() as connection:
            waiting = connection.execute(select(RUNS).where(RUNS.c.state == QUEUED)).mappings().all()
            for row in waiting:
                end(connection, row, CANCELLED)
            return len(waiting)
