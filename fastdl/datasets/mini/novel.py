"""Pride and Prejudice, the whole novel, for models of language.

Source: Jane Austen, 1813, by way of the R package janeaustenr (J. Silge). The text is in the public domain.
"""
import gzip
from pathlib import Path


def load_data():
    """The text, one str of 684,767 characters.

    >>> load_data()[:19]
    'PRIDE AND PREJUDICE'
    """
    return gzip.decompress(Path(__file__).with_name("novel.txt.gz").read_bytes()).decode("utf-8")
