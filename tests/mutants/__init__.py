"""``make mutants``: small faults put into a copy of the product one by one; each must be noticed by the tests that
its row names.
"""
