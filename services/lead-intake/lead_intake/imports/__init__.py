"""Bring your history: any company's export, through a column mapping, into the public interface.

`run.run_import` is the way in: it reads and judges each row, sorts the facts by business time on
disk, and sends them over REST, resumable and with a word about every row.
"""
