"""From aspects to a recommendation: what must hold first, then the planner's own price.

1. A side that breaks hard rules, leaves tasks without a server or a need unmet, or
   survives fewer losses, loses to one that does less so, in this order.
2. Else, where other services or replicas run, it is the asker's to weigh: more always
   costs more, and what it is for nobody said.
3. Else the lower price by the planner's goals wins, so that this answer and
   `quorate plan` never contradict; a price within `CLOSE` counts as equal.
4. Else the side that wins more aspects; else there is nothing to choose, and
   staying costs nothing.

What is paid once (copying data, mounts) decides nothing: it is listed against a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.plan.whatif.aspects.kinds import BY_ID
from quorate.plan.whatif.mitigate import mitigation
from quorate.plan.whatif.model import Aspect, Con, Reading, Recommendation, Verdict, Winner
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side

CLOSE = 100
"""Points of the planner that make no difference: one percent of one server."""

Price = Mapping[str, tuple[int, int]]
"""By term: points before and after."""

VERDICTS = {
    Winner.BEFORE: Verdict.STAY,
    Winner.AFTER: Verdict.CHANGE,
    Winner.TIE: Verdict.EITHER,
}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """All that a recommendation is made from; `names` say what each side is."""

    before: Side
    after: Side
    scope: Scope
    aspects: tuple[Aspect, ...]
    price: Price
    names: tuple[str, str]

    @property
    def alike(self) -> bool:
        """Whether the same tasks are wanted on both sides."""
        before, after = (
            {service.id: service.replicas for service in side.fleet.services}
            for side in (self.before, self.after)
        )
        return before == after

    def chosen(self, winner: Winner) -> Side:
        return self.after if winner is Winner.AFTER else self.before


def recommend(compared: Compared) -> Recommendation:
    """What to do and why, and what speaks against it."""
    better, decided = decide(compared.aspects, compared.price, alike=compared.alike)
    # With nothing to choose, staying is the default: it costs nothing. Where other
    # services run, the change is what is to be weighed.
    side = Winner.BEFORE if compared.alike else Winner.AFTER
    side = side if better is Winner.TIE else better
    lasting = [aspect for aspect in compared.aspects if not aspect.once]
    reasons = tuple(
        f"{aspect.title}: {_of(aspect, side).text}; the other way: {_other(aspect, side).text}"
        for aspect in lasting
        if aspect.winner is side
    )
    cons = tuple(
        _con(compared, aspect, side)
        for aspect in compared.aspects
        if aspect.winner not in (side, Winner.TIE)
    )
    return Recommendation(
        verdict=VERDICTS[better],
        headline=_headline(compared, better),
        decided_by=decided,
        reasons=reasons,
        cons=cons,
    )


def decide(aspects: tuple[Aspect, ...], price: Price, *, alike: bool = True) -> tuple[Winner, str]:
    """The better side, and which of the rules above said so. `alike`: the same tasks run."""
    cheaper, points = _cheaper(price) if alike else (Winner.TIE, "")
    for aspect in aspects:
        if BY_ID[aspect.id].must and aspect.winner is not Winner.TIE:
            text = f"{aspect.title}: what must hold comes first"
            if cheaper is not Winner.TIE:
                agree = "agree" if cheaper is aspect.winner else "say otherwise"
                text += f"; the planner's goals {agree} ({points})"
            return aspect.winner, text
    if not alike:
        return Winner.TIE, "nothing: other tasks run, and what must hold is no worse"
    if cheaper is not Winner.TIE:
        return cheaper, f"the planner's goals: {points}"
    lasting = [aspect.winner for aspect in aspects if not aspect.once]
    wins = lasting.count(Winner.AFTER) - lasting.count(Winner.BEFORE)
    if wins:
        best = Winner.AFTER if wins > 0 else Winner.BEFORE
        return best, "the number of aspects won; by the planner's goals both are alike"
    return Winner.TIE, "nothing: neither the planner's goals nor the aspects tell them apart"


def _cheaper(price: Price) -> tuple[Winner, str]:
    before, after = (sum(points[side] for points in price.values()) for side in (0, 1))
    said = f"{before:,} points before, {after:,} after; fewer are better"
    if abs(before - after) <= CLOSE:
        return Winner.TIE, said
    return Winner.BEFORE if before < after else Winner.AFTER, said


def _headline(compared: Compared, better: Winner) -> str:
    before, after = compared.names
    broken = compared.after.broken
    if better is Winner.BEFORE and len(broken) > len(compared.before.broken):
        return f"stay with {before}: {after} breaks a rule"
    if better is Winner.TIE and not compared.alike:
        return f"possible: nothing that must hold is worse with {after}; weigh what it is for"
    return {
        Winner.BEFORE: f"stay with {before}",
        Winner.AFTER: f"change to {after}",
        Winner.TIE: f"either will do; staying with {before} costs nothing",
    }[better]


def _con(compared: Compared, aspect: Aspect, side: Winner) -> Con:
    mine, other = _of(aspect, side), _other(aspect, side)
    what = mine.text if aspect.once else f"{mine.text}; the other way: {other.text}"
    return Con(
        what=f"{aspect.title}: {what}",
        mitigation=mitigation(aspect, mine, compared.chosen(side), compared.scope),
    )


def _of(aspect: Aspect, side: Winner) -> Reading:
    return aspect.after if side is Winner.AFTER else aspect.before


def _other(aspect: Aspect, side: Winner) -> Reading:
    return aspect.before if side is Winner.AFTER else aspect.after
