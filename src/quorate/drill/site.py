"""Where a drill's script runs: on a server, as root, over ssh; or on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.tools import command, ssh

AS_ROOT = (
    'if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh -s; '
    "else exec sh -s; fi"
)
"""Where nobody lets it be root it runs all the same, and says so (`remote_look`)."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place for scripts. `target` None: this machine, as whoever runs Quorate."""

    name: str
    target: ssh.Target | None = None

    def run(self, script: str, *, timeout: float = 60.0, check: bool = True) -> command.Result:
        """Run a script of POSIX sh there.

        Raises:
            UnreachableError: the server does not answer ssh.
            CommandError: the script failed (with `check`) or timed out.
        """
        if self.target is None:
            return command.run(["sh", "-s"], input=script, timeout=timeout, check=check)
        argv = ["sh", "-c", AS_ROOT]
        return ssh.run(self.target, argv, input=script, timeout=timeout, check=check)
