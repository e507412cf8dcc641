"""The chain that mitmproxy sees, and its stages in walking order."""
