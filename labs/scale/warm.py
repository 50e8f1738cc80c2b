"""Imported once by the process that all trials are forked from: the vocabulary is then there in each of them."""

from labs.scale.customers import Customers

Customers(seed=0, rows=1).prepare()
