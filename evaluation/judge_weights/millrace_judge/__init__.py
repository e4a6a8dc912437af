"""What training changed in the networks of Millrace's local judge, `reader.npz`: data, no code."""
