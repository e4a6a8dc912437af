"""The local judge: whether evidence supports a claim, by a small trained model and no LLM."""
