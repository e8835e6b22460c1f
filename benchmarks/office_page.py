"""The page and the picture of the office's backups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from benchmarks.office_verdict import Job, Raw, Target

TITLE = "The office's backups"
NAME = "office-backups"
WIDTH, ROW, LEFT, RIGHT, TOP = 760, 22, 290, 80, 62
COLOURS: Mapping[str, str] = {"backup": "#3b82c4", "copy": "#c98a2b", "prove": "#4f9d69"}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.t{font-size:15px;font-weight:600}"
    ".bg{fill:#fff}.n{text-anchor:end}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bg{fill:#0d1117}}"
)
WORDS = {True: "met", False: "**not met**", None: "not tried"}


def page(where: Mapping[str, Raw], targets: Sequence[Target], sections: Iterable[str]) -> str:
    """The page.

    Args:
        where: part → the machine and day that it was measured on, and `amounts`, `services`.
        sections: what each part says of itself, in lines.
    """
    return "\n".join(
        [
            f"# {TITLE}",
            "",
            "The example office in a lab of four servers: data made in its services, backed up by",
            "one command, copied off-site by SFTP and to an S3 server, every copy proven by a",
            "restore; then all servers lost, bytes changed, power cut, the controller killed.",
            "",
            *_measured(where),
            "",
            "Of the office's services those are run that have the data: all of its tasks would",
            "leave two processors nothing else to do. Their memory is that of a small machine.",
            f"Repeat with `python -m benchmarks.run {NAME}`;",
            "`QUORATE_OFFICE_BACKUPS` names parts (`data`, `copies`, `database`, `recovery`,",
            "`flips`, `wal`, `controller`), `QUORATE_OFFICE_SIZES=small` makes less data,",
            "`QUORATE_OFFICE_WHOLE=1` takes all of the office's services.",
            "",
            "| Part | What | Target | Seen | |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| {one.part} | {one.what} | {one.wanted} | {_plain(one.seen)} | "
                f"{WORDS[one.met]} |"
                for one in targets
            ),
            "",
            f"![{TITLE}]({NAME}.svg)",
            "",
            *sections,
            f"Every figure: [{NAME}.json]({NAME}.json).",
            "",
        ]
    )


def _measured(where: Mapping[str, Raw]) -> Iterator[str]:
    """Each machine and day once, with the parts that were measured there and then."""
    by_place: dict[str, list[str]] = {}
    for part, one in where.items():
        words = (
            f"{one['measured']}, {one['threads']} threads, {int(one['memory']) / 2**30:.0f} GiB, "
            f"{one['system']}, kernel {one['kernel']}; {one['services']} services, "
            f"amounts: {one['amounts']}"
        )
        by_place.setdefault(words, []).append(part)
    for words, parts in by_place.items():
        yield f"Measured ({', '.join(parts)}): {words}."


def _plain(text: str) -> str:
    """Words for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def picture(jobs: Sequence[Job]) -> str:
    """Seconds of every job as bars, by source, in a colour for each kind of work."""
    shown = [one for one in jobs if one.seconds > 0]
    scale = (WIDTH - LEFT - RIGHT) / max((one.seconds for one in shown), default=1.0)
    height = TOP + ROW * len(shown) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(TITLE)}</title><style>{STYLE}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{height}"/>',
        f'<text class="t" x="16" y="24">{escape(TITLE)}: seconds of each job</text>',
        *_legend(),
    ]
    for index, one in enumerate(shown):
        top, length = TOP + ROW * index, one.seconds * scale
        label = f"{one.source or 'all'} → {one.repository}"
        colour = COLOURS.get(one.work, "#888888")
        parts += [
            f'<text class="n" x="{LEFT - 8}" y="{top + 13}">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{ROW - 6}" '
            f'rx="2" fill="{colour}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{top + 13}">{one.seconds:.1f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> Iterator[str]:
    for index, (work, colour) in enumerate(COLOURS.items()):
        left = 16 + 90 * index
        yield f'<rect x="{left}" y="36" width="12" height="12" rx="2" fill="{colour}"/>'
        yield f'<text x="{left + 18}" y="46">{escape(work)}</text>'
