"""The plumbing: one door for facts, one outbox, one relay, time, replay. It knows no business word."""
