"""The measurements: each figure held against a limit that was measured in the same run."""
