"""The qcow2 format, versions 2 and 3: images as devices.

    image        the device: reading, and which way a change goes
    ├── writing      where bytes go, copy-on-write, zeros, and the order of writes
    ├── creating     a new, empty image
    └── metadata     header, map and counts under one lock
        ├── cluster_map  the L1 table, a bounded cache of L2 tables, runs of clusters
        ├── refcounts    which clusters are in use
        ├── epochs       when a cluster given back may be used again
        └── header       bytes to a value and back; what is refused
    clusters, packed, layout, cache, host_file: what these stand on

What opens a chain of images is `storage.chains`.
"""

from blockjob_fsm.storage.image_error import ImageError
from blockjob_fsm.storage.qcow2.image import Qcow2File

__all__ = ["ImageError", "Qcow2File"]
