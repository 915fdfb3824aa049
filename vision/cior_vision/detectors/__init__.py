"""Detector engines as plugins: a key, a settings struct and ``detect(frames)``.

Registry in ``detectors.registry``, contract in ``detectors.contract``.
"""
