"""The demo plant: a documented model of T-cell expansion that publishes like a real plant. No stage imports it."""
