"""What ``cior vision`` does; its words are in ``cior``, which hands it the folders of the recorders."""
