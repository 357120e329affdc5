"""The autoencoder, the sample basis it is trained in, training, and the bundle on disk."""
