"""A drill's report on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.drill.model import (
    Agreement,
    Phase,
    Probed,
    Recovered,
    Report,
    Resilience,
    Run,
    Written,
)
from quorate.drill.summary import (
    Spread,
    disturbed,
    error_share,
    inside,
    noticed_something,
    phases,
    remarks,
    running,
    spreads,
    unheld,
    verdict,
    wrongly_named,
    wrote,
)
from quorate.plan.words import count
from quorate.predict.model import Span

KEY = (
    "times from the fault on; predicted: nine courses of ten; probes: longest gap / all gaps, "
    "share of the probes that failed, longest time the name gave no address or a dead one"
)
STYLES: dict[Resilience | Agreement, str] = {
    Resilience.PASSED: "green",
    Resilience.FAILED: "red",
    Resilience.ABORTED: "red",
    Resilience.INVALID: "yellow",
    Agreement.INSIDE: "green",
    Agreement.OUTSIDE: "red",
    Agreement.NONE: "dim",
}


def render(report: Report, console: Console) -> None:
    """Print a report: run by run, what several runs come to, both verdicts in the last line."""
    console.print(_head(report), soft_wrap=True)
    for run in report.runs:
        console.print()
        _run(run, console)
    if len(report.runs) > 1:
        console.print()
        console.print(_together(report))
        console.print(_agreed(report))
    console.print()
    console.print(Text(KEY, "dim"), soft_wrap=True)
    console.print(_verdicts(report), soft_wrap=True)


def compare(report: Report, former: Report, console: Console) -> None:
    """Print the medians of a former report beside those of this one, and both verdicts."""
    table = _table("median", "before", "now", "difference", text=1)
    before, now = _spreads(former), _spreads(report)
    for name in dict.fromkeys([*now, *before]):
        old, new = before.get(name), now.get(name)
        table.add_row(
            Text(name, "bold"),
            _median(old, name in before),
            _median(new, name in now),
            _difference(old, new),
        )
    console.print(Text(f"beside the one of {former.started or 'before'}"), soft_wrap=True)
    console.print(table)
    console.print(Text.assemble(("before: ", "dim"), _verdicts(former)), soft_wrap=True)
    console.print(Text.assemble(("now:    ", "dim"), _verdicts(report)), soft_wrap=True)


def _head(report: Report) -> Text:
    text = Text.assemble((report.drill, "bold"), f": {report.fault} in {report.fleet}")
    text.append(f", {count(len(report.runs), 'run')}, seed {report.seed}")
    for words in (report.lab and f"lab {report.lab}", report.started):
        text.append(f", {words}" if words else "")
    return text


def _run(run: Run, console: Console) -> None:
    for text in _before(run):
        console.print(text, soft_wrap=True)
    if run.services:
        console.print(_services(run.services))
    if any(noticed_something(probed) for probed in run.probes):
        console.print(_probes(run))
    for each in run.writes:
        console.print(_wrote(each), soft_wrap=True)
    for text in _after(run):
        console.print(text, soft_wrap=True)


def _before(run: Run) -> list[Text]:
    head = Text.assemble((f"run {run.number}", "bold"), f": {', '.join(run.target) or 'nobody'}")
    if run.lasted:
        head.append(f" for {run.lasted:.1f} s")
    if run.leader:
        head.append(f", {run.leader} led")
    head.append(": ")
    head.append(run.resilience.value, STYLES[run.resilience])
    head.append("; prediction: ")
    head.append(run.agreement.value, STYLES[run.agreement])
    return [head, *_guards(run), *(_phase(phase) for phase in phases(run))]


def _guards(run: Run) -> list[Text]:
    return [
        Text(f"guard {guard.name} does not hold: {guard.text}", "red")
        if guard.holds is False
        else Text(f"guard {guard.name} could not be checked: {guard.text}", "yellow")
        for guard in unheld(run)
    ]


def _phase(phase: Phase) -> Text:
    text = Text(f"{phase.name}: ")
    text.append("never" if phase.measured is None else f"{phase.measured:.1f} s")
    text.append(" (predicted ")
    text.append(_span(phase.predicted))
    if phase.inside is not None:
        text.append(", ")
        text.append("inside" if phase.inside else "outside", "green" if phase.inside else "red")
    return text.append(")")


def _services(services: tuple[Recovered, ...]) -> Table:
    table = _table(
        *("service", "tasks", "assigned", "running", "target", "predicted", "went to", "")
    )
    for each in services:
        never = None if each.may_move else Text("–", "dim")
        table.add_row(
            Text(each.service, "bold"),
            str(each.tasks),
            _seconds(each.assigned, never),
            _seconds(each.running, never),
            f"{each.target:.0f} s" if each.may_move else Text("–", "dim"),
            _span(each.phase.predicted if each.phase else None),
            Text(", ".join(each.went_to) or "–"),
            Text("; ".join(remarks(each)), "yellow"),
        )
    return table


def _probes(run: Run) -> Table:
    vantages = list(dict.fromkeys(probed.vantage for probed in run.probes))
    at = {(probed.service, probed.vantage): probed for probed in run.probes}
    hit = list(dict.fromkeys(each.service for each in run.probes if noticed_something(each)))
    bystanders = disturbed(run)
    table = _table("probed", *(f"from {vantage}" for vantage in vantages), "")
    for name in hit:
        cells = [_probe(at.get((name, vantage))) for vantage in vantages]
        note = "should notice nothing" if name in bystanders else ""
        table.add_row(Text(name, "bold"), *cells, Text(note, "red"))
    return table


def _probe(probed: Probed | None) -> Text:
    if probed is None or not noticed_something(probed):
        return Text("–", "dim")
    said = wrongly_named(probed)
    name = f", name {said}" if said else ""
    if probed.longest is None:
        return Text(f"never again, {error_share(probed):.1%}{name}", "red")
    gaps = f"{probed.longest:.1f} / {probed.total_bad:.1f} s"
    return Text(f"{gaps}, {error_share(probed):.1%}{name}")


def _wrote(each: Written) -> Text:
    text = Text.assemble("writes to ", (each.service, "bold"), ": ")
    text.append(", ".join(wrote(each)), "" if each.lost == 0 else "red")
    if each.longest is None:
        return text.append("; none acknowledged again while the fault lasted")
    return text.append(f"; longest without one {each.longest:.1f} s" if each.longest else "")


def _after(run: Run) -> list[Text]:
    quiet = {each.service for each in run.probes} - {
        each.service for each in run.probes if noticed_something(each)
    }
    said = [Text(f"{count(len(quiet), 'service')} answered all the while", "dim")] if quiet else []
    said += [Text(f"{run.resilience.value}: {why}", STYLES[run.resilience]) for why in run.why]
    if run.held:
        said.append(Text(run.held, "dim"))
    if run.undone_by:
        said.append(Text(f"undone by {run.undone_by}"))
    said += [Text(f"left behind: {text}", "yellow") for text in run.left_behind]
    if run.samples:
        said.append(Text(f"samples: {run.samples}", "dim"))
    return said


def _together(report: Report) -> Table:
    table = _table("all runs", "n", "min", "median", "p95", "max", text=1)
    for name, found in spreads(report).items():
        if found is None:
            table.add_row(Text(name, "bold"), "0", *[Text("never", "red")] * 4)
        else:
            values = (found.low, found.median, found.p95, found.high)
            table.add_row(Text(name, "bold"), _number(found), *(_seconds(each) for each in values))
    return table


def _agreed(report: Report) -> Text:
    good, compared = inside(report)
    if not compared:
        return Text("no run could be compared with a prediction", "dim")
    style = "green" if good == compared else "red"
    return Text(f"{good} of {count(compared, 'run')} inside the prediction", style)


def _verdicts(report: Report) -> Text:
    return Text.assemble(
        "resilience ",
        (verdict(report.resilience), STYLES[report.resilience]),
        "; prediction ",
        (verdict(report.agreement), STYLES[report.agreement]),
    )


def _spreads(report: Report) -> dict[str, Spread | None]:
    of_services = running(report).items()
    return {**spreads(report), **{f"{name} running": each for name, each in of_services}}


def _median(found: Spread | None, known: bool) -> Text:
    if found is None:
        return Text("never", "red") if known else Text("–", "dim")
    # A median of those that came back says little where others did not.
    some = f" ({_number(found)})" if found.count < found.runs else ""
    return Text(f"{found.median:.1f} s{some}")


def _number(found: Spread) -> str:
    return str(found.count) if found.count == found.runs else f"{found.count} of {found.runs}"


def _difference(before: Spread | None, now: Spread | None) -> Text:
    if before is None or now is None:
        return Text("–", "dim")
    return Text(f"{now.median - before.median:+.1f} s")


def _table(*names: str, text: int | None = None) -> Table:
    """A table; columns from number `text` on hold figures."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, name in enumerate(names):
        figures = text is not None and number >= text
        table.add_column(Text(name), overflow="fold", justify="right" if figures else "left")
    return table


def _seconds(value: float | None, never: Text | None = None) -> Text:
    if value is None:
        return never or Text("never", "red")
    return Text(f"{value:.1f} s")


def _span(span: Span | None) -> Text:
    return Text("–", "dim") if span is None else Text(f"{span.low:.1f}–{span.high:.1f} s")
