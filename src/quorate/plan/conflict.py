"""Why no placement exists: a smallest set of rules that cannot hold together.

Every rule gets an assumption literal; the solver names some that conflict; each
of those is then left out in turn, and stays out where the rest still conflict.
What remains is minimal: leave out any one, and a placement exists.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate.errors import InfeasibleError
from quorate.plan.encode import Encoding
from quorate.plan.problem import RESOURCES, Problem
from quorate.plan.rules import Rule, all_rules, capacity_of, figure
from quorate.plan.words import listed

PROOF_SECONDS = 10.0
"""For each question "do these rules conflict?"; unanswered counts as "they may not"."""

LAST_KINDS = ("pin", "constraint", "near", "apart", "volume", "host-port")
"""Rules people wrote down deliberately: left out last, so that they are what is shown
when several minimal sets exist."""


def conflict(problem: Problem) -> InfeasibleError:
    """The error that tells what conflicts and where it was written."""
    rules = smallest(problem, all_rules(problem))
    resources = [r for r in dict.fromkeys(map(capacity_of, rules)) if r is not None]
    lines = [f"{rule.words}{_takes(problem, rule, resources)}{_places(rule)}" for rule in rules]
    what = "this one cannot hold" if len(rules) == 1 else f"these {len(rules)} conflict"
    if resources and all(capacity_of(rule) is not None for rule in rules):
        what += f": all services together take {listed([_total(problem, r) for r in resources])}"
    return InfeasibleError(
        f"no placement satisfies all rules; {what}", conflict=lines, todo=_advice(rules)
    )


def smallest(problem: Problem, rules: Sequence[Rule]) -> list[Rule]:
    """A minimal conflicting subset of rules that conflict."""
    left = _core(problem, rules)
    for rule in sorted(left, key=lambda rule: rule.kind in LAST_KINDS):
        without = [other for other in left if other is not rule]
        if conflicts(problem, without):
            left = without
    return left


def conflicts(problem: Problem, rules: Sequence[Rule]) -> bool:
    """Whether no placement satisfies these rules (the others ignored)."""
    encoding = _free(problem)
    for rule in rules:
        for limit in rule.limits:
            encoding.add(limit)
    return encoding.model.solve(time_limit=PROOF_SECONDS).status == "infeasible"


def _core(problem: Problem, rules: Sequence[Rule]) -> list[Rule]:
    encoding = _free(problem)
    literals = {encoding.model.integer(0, 1): rule for rule in rules}
    for literal, rule in literals.items():
        for limit in rule.limits:
            encoding.add(limit, when=literal)
    encoding.model.assume(literals)
    answer = encoding.model.solve(time_limit=PROOF_SECONDS)
    core = [literals[index] for index in answer.core if index in literals]
    return core or list(rules)


def _free(problem: Problem) -> Encoding:
    return Encoding(problem, [[item.count] * len(problem.hosts) for item in problem.items])


def _takes(problem: Problem, rule: Rule, resources: Sequence[int]) -> str:
    """What the services a rule is about take of the resources that are short."""
    if capacity_of(rule) is not None:
        return ""
    items = {item for limit in rule.limits for _, (_, item, _) in limit.terms}
    parts = []
    for item in sorted(items):
        asked = [
            f"{figure(resource, amount)} of {RESOURCES[resource]}"
            for resource in resources
            if (amount := problem.items[item].ask.resources[resource])
        ]
        if asked:
            copies = " each" if problem.items[item].count > 1 else ""
            parts.append(f"{problem.items[item].service.id} takes {listed(asked)}{copies}")
    return f"; {'; '.join(parts)}" if parts else ""


def _total(problem: Problem, resource: int) -> str:
    asked = sum(item.count * item.ask.resources[resource] for item in problem.items)
    return f"{figure(resource, asked)} of {RESOURCES[resource]}"


def _places(rule: Rule) -> str:
    places = dict.fromkeys(str(place) for place in rule.where if place.file)
    return f" ({', '.join(places)})" if places else ""


def _advice(rules: Sequence[Rule]) -> str:
    kinds = {rule.kind.partition(":")[0] for rule in rules}
    advice = []
    if kinds & {"pin", "constraint"}:
        advice.append("loosen a pin or constraint")
    if "near" in kinds or "apart" in kinds:
        advice.append("drop a `near` or `apart`")
    if "capacity" in kinds:
        advice.append("add what the servers lack, or lower reservations, loads or headroom")
    if kinds & {"host-port", "ingress-port"}:
        advice.append("publish another port, or publish it once behind a proxy")
    if kinds & {"max-replicas", "spread"}:
        advice.append("ask for fewer replicas")
    if "volume" in kinds:
        advice.append("put the shared volume on storage every server reaches")
    return "; or ".join(advice) + "; any one of these rules gone is enough"
