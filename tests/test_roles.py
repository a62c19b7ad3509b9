"""What roles are called, in which order they stand, and that a scheme's roles can be told apart by their looks."""

import pytest

from compression.charts.style import ROLES, role_look
from compression.roles import TITLES, role_title, roles_in_order
from compression.schemes import SCHEMES, role_titles, roles
from compression.spec import parse


@pytest.mark.parametrize(
    ("role", "titles", "expected"),
    [
        ("teacher", None, "Teacher"),
        ("teacher", {"teacher": "Peer"}, "Peer"),
        ("assistant", None, "Assistant"),
        ("generation2", {"generation": "Gen."}, "Gen. 2"),
        ("exit1", {"exit1": "Early exit"}, "Early exit"),
    ],
)
def test_a_role_is_called_what_its_scheme_says_else_by_its_name(role, titles, expected):
    assert role_title(role, titles) == expected


def test_roles_stand_in_order_each_once():
    given = ["student", "generation10", "baseline", "generation2", "teacher", "student"]
    assert roles_in_order(given) == ["teacher", "generation2", "generation10", "baseline", "student"]


def test_every_role_with_a_look_has_a_title_and_the_reverse():
    assert ROLES.keys() == TITLES.keys()


@pytest.mark.parametrize("name", SCHEMES)
def test_no_two_roles_of_a_scheme_look_alike_or_are_called_alike(name):
    spec = parse({"kind": "distill", "scheme": {"name": name}})
    everyone = roles(spec)
    looks = [role_look(role) for role in everyone]
    titles = [role_title(role, role_titles(spec.scheme)) for role in everyone]
    for told in (titles, [look.colour for look in looks], [look.symbol for look in looks]):
        assert len(set(told)) == len(everyone)


def test_a_scheme_that_is_not_there_calls_nothing_otherwise():
    assert role_titles({"name": "gone"}) == role_titles(None) == {}
