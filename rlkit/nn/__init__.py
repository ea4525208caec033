"""Parts of neural networks: encoders, layers and heads."""
