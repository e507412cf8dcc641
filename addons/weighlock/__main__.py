"""`python -m weighlock`."""

from weighlock.cli import main

main(prog_name="weighlock")
