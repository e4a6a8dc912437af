"""The workers' image, without a container engine's daemon: what is in it, and how it is made."""
