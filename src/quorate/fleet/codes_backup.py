"""The codes of problems with backups: a part of the table in `codes.py`."""

from __future__ import annotations

from quorate.fleet.code import Code, Severity

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

BACKUPS = {
    "Q701": Code(
        "nothing is backed up", _N,
        "what a server, a mistake or an update takes is gone",
        "name repositories under `backup:`; docs/how-to/back-up.md begins with it",
    ),
    "Q702": Code(
        "a backup policy without a repository", _E,
        "there is nowhere to put a copy", "name one under `backup.repositories`",
    ),
    "Q703": Code(
        "an unknown time zone", _E,
        "nothing could be run at the times that are meant",
        "use its IANA name: `Europe/Berlin`, `UTC`",
    ),
    "Q704": Code(
        "the backup policy names something that is not backed up", _E,
        "what is said of it does nothing, and what you meant may have no copy",
        "name a source by its id: a service that keeps data, `volume/NAME`, `bind/PATH`, "
        "`configs`, `swarm`, `system/SERVER`",
    ),
    "Q705": Code(
        "an unknown repository", _E,
        "there is nowhere to put the copy", "name one of `backup.repositories`",
    ),
    "Q706": Code(
        "the backup policy names an unknown server", _E,
        "nothing can be stored or proven there", "name a server of the fleet",
    ),
    "Q707": Code(
        "two repositories at one place", _E,
        "they would be one copy, counted twice, and each would clear up the other",
        "give each a directory or bucket of its own",
    ),
    "Q708": Code(
        "a policy that keeps no copy", _E,
        "each backup would be thrown away at once",
        "keep one of any span at least, or name the source under `backup.exclude`",
    ),
    "Q709": Code(
        "a backup on the server of its source", _E,
        "one lost server, or one lost disk, takes both",
        "add a repository on another server, or off-site",
    ),
    "Q710": Code(
        "a backup that may lie on the server of its source", _W,
        "one lost server, or one lost disk, takes both",
        "add a repository on another server or off-site, or pin the service elsewhere",
    ),
    "Q711": Code(
        "no copy off-site", _W,
        "fire, theft or a mistake of an administrator takes data and copies at once",
        "add a repository elsewhere with `offsite: true`",
    ),
    "Q712": Code(
        "a time that does not fit how often a backup is made", _E,
        "it would never be made", "write `at` and `day` as `every` takes them, or `every` anew",
    ),
    "Q713": Code(
        "an excluded source has settings", _W,
        "they do nothing", "remove it from `backup.exclude`, or its settings",
    ),
    "Q714": Code(
        "a setting that a source of this kind cannot have", _E,
        "it would do nothing", "remove it",
    ),
    "Q715": Code(
        "a repository is copied to itself", _E,
        "there would be one copy fewer than meant", "remove it from one of the two",
    ),
    "Q716": Code(
        "secrets, and no recovery bundle", _N,
        "Swarm never gives a secret back: with the machine this file is on, they would be gone",
        "say under `backup.bundle` who may open one: `recipients: [age1…]`, or a passphrase",
    ),
    "Q717": Code(
        "a database that no backup reaches", _W,
        "it has no copy, and is lost with its server or its volume",
        "`state: volume` with a hook that dumps it into its volume has that backed up; or move it "
        "into the swarm; or dump it yourself (`quorate runbook` has the commands) and `exclude` it",
    ),
    "Q718": Code(
        "copies that are tried on the server of their source", _W,
        "a restore there may use what only that server has, and is no proof that the data come "
        "back without it",
        "name a second server under `servers`, or none: then it is any but the source's own",
    ),
    "Q719": Code(
        "an image under `backup.images` that no service uses", _E,
        "it would not be in any copy", "write it as the service's `image:` does, or remove it",
    ),
    "Q721": Code(
        "a write-ahead log on the server of its database", _E,
        "one lost server, or one lost disk, takes both",
        "name another server as `wal.server`, or add one to the fleet",
    ),
    "Q722": Code(
        "a write-ahead log that may lie on the server of its database", _W,
        "one lost server, or one lost disk, takes both",
        "name another server as `wal.server`, or pin the service elsewhere",
    ),
    "Q723": Code(
        "a slot that may fill the disk of its database", _W,
        "Postgres stops when it cannot write; without the bound a receiver that is away "
        "would let its log grow until then",
        "set `wal.slot_room` to a tenth of the disk",
    ),
    "Q731": Code(
        "nobody is told of backups that fail", _E,
        "the section does nothing", "name an address under `backup.notify.to`, or leave it out",
    ),
    "Q732": Code(
        "a digest that is never sent", _W,
        "its time does nothing", "add `digest` to `backup.notify.events`, or remove its time",
    ),
}  # fmt: skip
