"""Windows of what models cost, by Faust: `millrace run usage`."""
