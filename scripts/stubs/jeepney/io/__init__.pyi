"""Ways to speak D-Bus."""
