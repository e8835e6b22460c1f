"""Which services came back later than they may."""

from __future__ import annotations

from quorate.losing import late
from tests.fakes.fleets import make_fleet


def test_late_are_those_after_their_own_recovery_target_or_the_policys() -> None:
    fleet = make_fleet(
        {"app": {"services": {"web": {}, "slow": {}, "quick": {}, "job": {}}}},
        fields={"slow": {"recovery_target": 300.0}, "quick": {"recovery_target": 10.0}},
    )
    assert fleet.policy.recovery_target == 60.0
    took = {"app_web": 60.0, "app_slow": 200.0, "app_quick": 10.5, "app_job": 60.1}
    assert late(fleet, took) == ("app_job", "app_quick")
    assert late(fleet, {}) == ()
