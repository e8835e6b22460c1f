"""What a deployment knows beforehand."""

from __future__ import annotations

from quorate.deploy.prepare import Contents


def test_secrets_to_mask_are_text_and_long_enough_to_be_told_from_other_text() -> None:
    values = {"password": b"open sesame\n", "digit": b"7", "key": b"\xff\xfe\x00", "none": b""}
    assert Contents(secrets=values, configs={}).secret_words == ("open sesame",)


def test_their_values_are_not_in_the_representation() -> None:
    assert "sesame" not in repr(Contents(secrets={"password": b"open sesame"}, configs={}))
