"""What tests share: the fake far side of the network."""
