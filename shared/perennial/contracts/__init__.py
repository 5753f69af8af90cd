"""The published language: every event of every topic, the envelope, and what the pure rules exchange.

No I/O, no clock. A new optional field is safe; anything else is a new type beside the old one.
"""
