"""Folders, git repositories and buckets that are followed."""
