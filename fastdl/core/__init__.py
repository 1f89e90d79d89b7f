"""The engine: tensors, primitives, modes, tape, plan, function. Nothing here knows of layers."""
