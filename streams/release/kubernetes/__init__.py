"""What a cluster is told of the flow: rendered from the topology and the settings."""
