"""Layers that prepare data: numbers, images, categories, text and sound; each file lists its public classes by defining them.

They run eagerly on NumPy batches, in a map over a dataset, or as the first layers of a model.
"""
