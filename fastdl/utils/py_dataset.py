"""Sequence/PyDataset: batches by number, from a class that the user writes."""


class PyDataset:
    """batch k = self[k], k in 0 .. len(self) - 1

    Subclass it and write __len__ and __getitem__ (returning x, (x, y) or (x, y, sample_weight));
    on_epoch_end() is called after each epoch. While a step computes, the next batches are read: by one thread, or by
    `workers` threads at a time (then __getitem__ must bear being called by several), up to `max_queue_size` in advance and
    in order. Threads also where `use_multiprocessing` asks for processes.
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self): the number of batches in an epoch.")

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index): the batch `index`.")

    @property
    def num_batches(self):
        return len(self)

    def __iter__(self):
        for index in range(len(self)):
            yield self[index]

    def on_epoch_begin(self):
        pass

    def on_epoch_end(self):
        pass


Sequence = PyDataset
