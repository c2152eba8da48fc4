"""The fault campaign: everything between publisher and record is broken, again and again, and everything is counted."""
