"""What of a Postgres dump is decided without a server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.sources import postgres

SCRIPT = """--
CREATE ROLE "app";
ALTER ROLE "app" WITH NOSUPERUSER LOGIN PASSWORD 'x';
CREATE ROLE "postgres";
ALTER ROLE "postgres" WITH SUPERUSER LOGIN PASSWORD 'of the source';
ALTER ROLE "app" SET work_mem TO '8MB';
GRANT "odd ""role" TO "app";
"""

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(NAMES)
def test_every_database_has_a_directory_of_its_own(name: str) -> None:
    directory = postgres.directory_of(name)
    assert postgres.database_in(directory) == name
    assert "/" not in directory


def test_the_role_that_restores_stays_as_it_is() -> None:
    left = postgres.without_roles(SCRIPT, {"postgres"}, "postgres")
    assert left == SCRIPT.replace('CREATE ROLE "postgres";\n', "").replace(
        "ALTER ROLE \"postgres\" WITH SUPERUSER LOGIN PASSWORD 'of the source';\n", ""
    )


def test_who_granted_a_membership_is_left_out() -> None:
    given = 'GRANT "pg_monitor" TO "wal ""x" WITH INHERIT TRUE GRANTED BY "post""gres";\n'
    left = postgres.without_roles(given, set(), "admin")
    assert left == 'GRANT "pg_monitor" TO "wal ""x" WITH INHERIT TRUE;\n'


def test_other_roles_that_are_there_get_what_they_had() -> None:
    left = postgres.without_roles(SCRIPT, {"app", "admin"}, "admin")
    assert left == SCRIPT.replace('CREATE ROLE "app";\n', "")
