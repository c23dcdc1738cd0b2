"""RealizeFS: every file of a household on every machine, as one ordinary folder."""
