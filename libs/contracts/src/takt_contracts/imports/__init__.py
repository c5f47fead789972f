"""Imports: workbooks that become facts."""
