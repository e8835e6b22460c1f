"""Stacks: their engines, servers and profiles; the classes a policy names."""

from __future__ import annotations

from quorate.fleet.compose import Project
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Engine
from quorate.fleet.positions import Map, Seq
from quorate.fleet.problems import did_you_mean


def lint(context: Context) -> None:
    """Report stacks that lead nowhere and policies that do nothing."""
    if not context.fleet.stacks:
        context.problems.add("Q118", context.parts.mark("stacks"), "the fleet has no stacks")
    for project in context.projects:
        _server(context, project)
        _profiles(context, project)
    _policy(context)


def _server(context: Context, project: Project) -> None:
    stack = project.stack
    mark = context.parts.mark("stacks", stack.name, "server")
    names = [server.name for server in context.fleet.servers]
    if stack.engine is Engine.COMPOSE and stack.server is None:
        context.problems.add(
            "Q110", mark, f"the stack `{stack.name}` has `engine: compose` and no server"
        )
    elif stack.server is not None and stack.server not in names:
        what = f"the stack `{stack.name}` names the unknown server `{stack.server}`"
        context.problems.add("Q111", mark, what + did_you_mean(stack.server, names))
    elif stack.server is not None and stack.engine is Engine.SWARM:
        context.problems.add(
            "Q112", mark, f"the stack `{stack.name}` names a server, but Swarm runs it"
        )


def _profiles(context: Context, project: Project) -> None:
    known = set()
    for service in project.section("services").values():
        profiles = service.get("profiles") if isinstance(service, Map) else None
        known |= {str(item) for item in profiles} if isinstance(profiles, Seq) else set()
    for index, profile in enumerate(project.stack.profiles):
        if profile != "*" and profile not in known:
            context.problems.add(
                "Q114",
                context.parts.mark("stacks", project.stack.name, "profiles", index),
                f"no service of `{project.stack.name}` has the profile `{profile}`"
                + did_you_mean(profile, known),
            )


def _policy(context: Context) -> None:
    known = {service.workload_class for service in context.fleet.services}
    known |= {stack.workload_class for stack in context.fleet.stacks}
    named = []
    for index, rule in enumerate(context.fleet.policy.isolation):
        named += [(rule.spiky, (index, "spiky")), (rule.away_from, (index, "away_from"))]
    for name, path in named:
        if name not in known and known:
            context.problems.add(
                "Q113",
                context.parts.mark("policy", "isolation", *path),
                f"no service has the class `{name}`{did_you_mean(name, known)}",
            )
