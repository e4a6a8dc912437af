"""Chunking strategies compared on data: `python -m evaluation.chunking --data FOLDER...`."""
