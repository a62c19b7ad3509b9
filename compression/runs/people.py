"""Who uses the lab, and what holds for everybody in it."""

import time
from typing import Any

from sqlalchemy import delete, insert, select

from compression.errors import LabError
from compression.runs import records
from compression.runs.database import Database
from compression.runs.records import Person
from compression.runs.rows import room_setting
from compression.runs.schema import PEOPLE, ROOM
from compression.texts import gettext as _

LONGEST_NAME = 30


class People(Database):
    """Reads and writes the names of people and the settings of the room."""

    def person(self, owner: str) -> Person | None:
        """Return someone who gave a name, or None."""
        with self._read() as connection:
            row = connection.execute(select(PEOPLE).where(PEOPLE.c.owner == owner)).mappings().first()
        return None if row is None else records.read_person(row)

    def people(self) -> dict[str, Person]:
        """Return everybody who gave a name, by owner."""
        with self._read() as connection:
            found = [records.read_person(row) for row in connection.execute(select(PEOPLE)).mappings()]
        return {person.owner: person for person in found}

    def name_person(self, owner: str, name: str, colour: str) -> Person:
        """Give someone a name and a colour, in place of those before, and return the person, seen now."""
        values = {"owner": owner, "name": name, "colour": colour, "seen": time.time()}
        with self._write() as connection:
            connection.execute(delete(PEOPLE).where(PEOPLE.c.owner == owner))
            connection.execute(insert(PEOPLE).values(**values))
        return Person(**values)

    def choose_name(self, owner: str, name: str, colour: str) -> Person:
        """Give someone the name and the colour that they chose, and return the person.

        Raises:
            LabError: the name is empty, too long or somebody else's.
        """
        name = " ".join(records.text(name).split())
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise LabError(_("A name has 1 to {most} characters.").format(most=LONGEST_NAME))
        others = (person for person in self.people().values() if person.owner != owner)
        if any(person.name.casefold() == name.casefold() for person in others):
            raise LabError(_("Somebody else is called {name} already; choose another name.").format(name=name))
        return self.name_person(owner, name, colour)

    def room_setting(self, key: str) -> Any:
        """Return what a setting of the whole room is set to; None where it never was, or cannot be read."""
        with self._read() as connection:
            return room_setting(connection, key)

    def set_room_setting(self, key: str, value: Any) -> None:
        """Set a setting of the whole room to any JSON value; None unsets it."""
        with self._write() as connection:
            connection.execute(delete(ROOM).where(ROOM.c.key == key))
            if value is not None:
                connection.execute(insert(ROOM).values(key=key, value=records.encode(value)))
