"""Waiting times of queues.

Sources: L. Kleinrock, Queueing Systems I (1975): M/M/c in 3.4, M/G/1 (Pollaczek and Khinchine) in
5.6; A. O. Allen, Probability, Statistics and Queueing Theory (1990), 5.2: M/G/c after Allen and
Cunneen. Rates are per second, times in seconds; `variation` is the squared coefficient of variation
of the service time (0: always the same, 1: exponential).
"""

from __future__ import annotations

import math


def erlang_c(servers: int, load: float) -> float:
    """The share of arrivals that wait, of M/M/c; `load` is arrivals a second times service time.

    By the recursion of Erlang B, which no number of servers overflows.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(servers: int, rate: float, service: float, variation: float = 1.0) -> float:
    """Mean seconds in the queue of M/G/c (exact for M/M/c and M/G/1); infinite at its capacity."""
    spare = servers / service - rate
    if spare <= 0:
        return math.inf
    return erlang_c(servers, rate * service) / spare * (1 + variation) / 2


def wait_quantile(
    share: float, servers: int, rate: float, service: float, variation: float = 1.0
) -> float:
    """Seconds in the queue that this share of arrivals does not exceed.

    Exact for M/M/c; else the exponential tail is stretched as the mean is.
    """
    spare = servers / service - rate
    if spare <= 0:
        return math.inf
    waits = erlang_c(servers, rate * service)
    if waits <= 1 - share:
        return 0.0
    return math.log(waits / (1 - share)) / spare * (1 + variation) / 2


def most_rate(service: float, most_wait: float, most_busy: float) -> float:
    """What one worker takes a second before it is too busy, or lets one of 100 wait too long."""
    low, high = 0.0, most_busy / service
    if wait_quantile(0.99, 1, high, service) <= most_wait:
        return high
    for _ in range(60):  # the wait grows with the rate: halving finds where it is too long
        middle = (low + high) / 2
        if wait_quantile(0.99, 1, middle, service) <= most_wait:
            low = middle
        else:
            high = middle
    return low


def workers_for(rate: float, service: float, most_wait: float, most_busy: float) -> int:
    """The fewest workers with a queue each that are busy and let wait (p99) no more than this.

    A worker has partitions of its own and takes nobody else's, so each is an M/M/1.
    """
    return max(1, math.ceil(rate / most_rate(service, most_wait, most_busy)))
