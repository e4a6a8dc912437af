"""Chunking strategies compared: `python -m evaluation.research.chunking --data FOLDER...`."""
