"""A placement on arrays: what it costs, and what one more task would cost on every server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quorate.plan.bulk.table import FILLS, Flags, Spiky, Table, Whole, shares, starved
from quorate.plan.cost import Link
from quorate.plan.problem import CPU, Counts, Problem

Points = dict[str, Whole]
"""By term and host."""


@dataclass(frozen=True, kw_only=True)
class _Meetings:
    """Spiky services of one `away_from` where they are: item (-1 where given), host, share."""

    item: Whole
    host: Whole
    reach: NDArray[np.float64]


class Ledger:
    """Tasks by item and host, and the sums that follow. `put` and `take` keep them right."""

    def __init__(self, problem: Problem, counts: Counts | NDArray[np.int32]) -> None:
        self.table = table = Table(problem)
        self.problem = problem
        self.counts = np.array(counts, dtype=np.int32).reshape(table.items, table.hosts)
        item, host = np.nonzero(self.counts)
        tasks = self.counts[item, host].astype(np.int64)
        self.used: Whole = np.zeros((table.hosts, table.ask.shape[1]), dtype=np.int64)
        np.add.at(self.used, host, table.ask[item] * tasks[:, None])
        self.tasks: Whole = np.array([len(given) for given in problem.fixed_at], dtype=np.int64)
        """By host: all tasks there."""
        np.add.at(self.tasks, host, tasks)
        self.load: list[Whole] = []
        for (_, resource, _), amount, start in zip(FILLS, table.amounts, table.start, strict=True):
            each = shares(amount[item], table.total[host, resource])
            load = start.copy()
            np.add.at(load, host, each * tasks)
            self.load.append(load)
        self.members: Whole = np.zeros((len(table.together), table.hosts), dtype=np.int64)
        for index, group in enumerate(table.together):
            if group.items:
                self.members[index] = (self.counts[list(group.items)] > 0).sum(axis=0)
            self.members[index, list(group.fixed)] += 1
        self._meetings: dict[str, _Meetings] = {}
        self._victims: dict[str, tuple[Whole, Whole, Whole]] = {}

    def put(self, item: int, host: int, tasks: int = 1) -> None:
        """Some more tasks of an item on a host (fewer, when negative)."""
        before = self.counts[item, host] > 0
        self.counts[item, host] += tasks
        after = self.counts[item, host] > 0
        table = self.table
        self.used[host] += table.ask[item] * tasks
        self.tasks[host] += tasks
        for (_, resource, _), amount, load in zip(FILLS, table.amounts, self.load, strict=True):
            whole = table.total[host : host + 1, resource]
            load[host] += shares(int(amount[item]), whole)[0] * tasks
        if before != after:
            for group in table.groups_of[item]:
                self.members[group, host] += 1 if after else -1
            if item in table.spiky_of:
                self._meetings.clear()
        self._victims.pop(self.problem.items[item].service.workload_class, None)

    def take(self, item: int, host: int) -> None:
        """One task of an item away from a host."""
        self.put(item, host, -1)

    def price(self) -> Counter[str]:
        """What the placement costs, term by term: `cost.evaluate`."""
        points: Counter[str] = Counter()
        for item, row in enumerate(self.counts):
            for term, each in self.table.single(item).items():
                points[term] += int((each * row).sum())
        for group, members in zip(self.table.together, self.members, strict=True):
            points[group.term] += group.points * max(0, int((members > 0).sum()) - 1)
        for link in self.table.links:
            points["needs"] += link.points * int(self.counts[link.item][~self._near(link)].sum())
        for one in self.table.spiky:
            here = self._flags(one.hosts) if one.item is None else self.counts[one.item] > 0
            points["starve"] += int(self._suffering(one)[here].sum())
        for (term, _, steps), load in zip(FILLS, self.load, strict=True):
            points[term] += int(_filled(load, steps).sum())
        return points

    def adding(self, item: int) -> Points:
        """By term and host: what one more task of an item would cost there."""
        points = self.table.single(item)
        here = self.counts[item] > 0
        for index in self.table.groups_of[item]:
            group, used = self.table.together[index], self.members[index] > 0
            each = group.points * (~used & bool(used.any()))
            points[group.term] = points.get(group.term, 0) + each.astype(np.int64)
        needs = np.zeros(self.table.hosts, dtype=np.int64)
        for link in self.table.links_of[item]:
            needs += link.points * ~self._near(link)
        for link in self.table.links_to[item]:
            needs -= np.where(here, 0, link.points * self.counts[link.item])
        points["needs"] = needs
        points["starve"] = self._hurt(item)
        for one in self.table.spiky_of.get(item, ()):
            points["starve"] += np.where(here, 0, self._suffering(one))
        for (term, resource, steps), amount, load in zip(
            FILLS, self.table.amounts, self.load, strict=True
        ):
            more = shares(int(amount[item]), self.table.total[:, resource])
            points[term] = _filled(load + more, steps) - _filled(load, steps)
        return points

    def _near(self, link: Link) -> Flags:
        if link.target is None:
            return self._flags(link.hosts)
        near: Flags = self.counts[link.target] > 0
        return near

    def _flags(self, hosts: frozenset[int]) -> Flags:
        flags = np.zeros(self.table.hosts, dtype=np.bool_)
        flags[list(hosts)] = True
        return flags

    def _suffering(self, one: Spiky) -> Whole:
        """By host: what a burst costs those it hurts there."""
        items, hosts, tasks = self._of_class(one.away_from)
        if one.item is not None:
            others = items != one.item
            items, hosts, tasks = items[others], hosts[others], tasks[others]
        reach = self.table.reach(one.burst)
        each = starved(reach[hosts], self.table.ask[items, CPU]) * tasks
        points = self.table.given_starved(one).copy()
        np.add.at(points, hosts, each)
        return points

    def _of_class(self, name: str) -> tuple[Whole, Whole, Whole]:
        """The items of a class, hosts and tasks, where there are any."""
        known = self._victims.get(name)
        if known is None:
            items = self.table.of_class.get(name, np.zeros(0, dtype=np.int64))
            row, host = np.nonzero(self.counts[items])
            tasks = self.counts[items[row], host].astype(np.int64)
            known = self._victims[name] = (items[row], host, tasks)
        return known

    def _hurt(self, item: int) -> Whole:
        """By host: what the bursts there cost one task of an item."""
        points = np.zeros(self.table.hosts, dtype=np.int64)
        there = self._meeting(self.problem.items[item].service.workload_class)
        if there.item.size:
            others = there.item != item
            each = starved(there.reach[others], int(self.table.ask[item, CPU]))
            np.add.at(points, there.host[others], each)
        return points

    def _meeting(self, away_from: str) -> _Meetings:
        known = self._meetings.get(away_from)
        if known is None:
            known = self._meetings[away_from] = self._meet(away_from)
        return known

    def _meet(self, away_from: str) -> _Meetings:
        items: list[Whole] = []
        hosts: list[Whole] = []
        shares_: list[NDArray[np.float64]] = []
        for one in self.table.spiky:
            if one.away_from != away_from:
                continue
            here = (
                np.array(sorted(one.hosts), dtype=np.int64)
                if one.item is None
                else np.nonzero(self.counts[one.item])[0]
            )
            items.append(np.full(len(here), -1 if one.item is None else one.item))
            hosts.append(here)
            shares_.append(self.table.reach(one.burst)[here])
        empty = np.zeros(0, dtype=np.int64)
        return _Meetings(
            item=np.concatenate([empty, *items]),
            host=np.concatenate([empty, *hosts]),
            reach=np.concatenate([np.zeros(0), *shares_]),
        )


def _filled(load: Whole, steps: Sequence[tuple[int, int]]) -> Whole:
    points = np.zeros(len(load), dtype=np.int64)
    for at, slope in steps:
        points += slope * np.maximum(0, load - at)
    return points
