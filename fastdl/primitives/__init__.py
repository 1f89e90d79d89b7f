"""What the machine can do: one class a primitive."""
