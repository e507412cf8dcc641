"""The gateway, looking at its rules all the time."""

import runpy

from weighlock.adapters import rulewatch
from weighlock.cli.run import gateway_script

rulewatch.INTERVAL, rulewatch.SETTLE = 0.01, 0.0
runpy.run_path(gateway_script())
