"""What is shipped: the rules of the house, the wheel, the façade, sizes."""
