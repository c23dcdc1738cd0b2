"""Carrying out decisions: the household's sessions, serving, fetching, jobs and scans.

The promise: runs what `core` decides against `store` and `net`, decides nothing itself, and owns
every task it starts. Whatever a peer does ends in that peer's session, not in this process.
"""
