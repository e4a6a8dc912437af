"""What other teams find of the flow: its events as AsyncAPI, its parts as a service catalogue."""
