"""What scripts/bench consists of: the network, the contestants, what is measured, and the goals."""
