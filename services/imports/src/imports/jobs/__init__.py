"""Imports on their way: from the file in the inbox to the answer for each row."""
