"""Numbers only: progress by class frequency, gradient and curvature by class. Tensors or arrays in, numbers out."""
