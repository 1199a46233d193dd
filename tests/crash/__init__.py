"""Jobs on real images whose process is killed, whose disk fills up, and whose guests race."""
