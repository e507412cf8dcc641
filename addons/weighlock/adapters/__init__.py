"""The code that touches disk, network, clock and processes."""
