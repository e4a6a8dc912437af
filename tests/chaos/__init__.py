"""Faults while questions are asked, and what they do to the answers: `make chaos`."""
