"""The gateway's own credentials for model hosts: got, kept for as long as they are good, and replaced in time."""
