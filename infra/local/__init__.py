"""Real servers for tests and trials, from packages: no container, no Java on the machine."""
