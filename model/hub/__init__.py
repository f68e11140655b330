"""Published weights: what there is, and how it gets onto a disk, is checked there and changes its layout."""
