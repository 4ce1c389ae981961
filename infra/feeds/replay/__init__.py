"""A file of posts, sent into the pipeline: in order, each line once, and on from where it stopped."""
