"""The gateway, looking at its rules all the time. It writes a line to the pipe that RELOADED names for each swap, and
when what lies there is again what is in force.
"""

import os
import runpy

from weighlock.adapters import rulewatch
from weighlock.cli.run import gateway_script

TOLD = os.open(os.environ["RELOADED"], os.O_RDWR)


class Swift(rulewatch.Rulebook):
    def check(self) -> tuple[str, str] | None:
        wrong, event = self.complaint, super().check()
        if (wrong and not self.complaint) or (event and event[0] == "loaded"):
            os.write(TOLD, b"good\n")
        return event


rulewatch.INTERVAL, rulewatch.SETTLE = 0.002, 0.0
rulewatch.Rulebook = Swift  # type: ignore[misc]
runpy.run_path(gateway_script())
