"""All measurements with their defaults: `python -m benchmarks`."""

import sys

from benchmarks import gateway, overhead, streams, throughput

if __name__ == "__main__":
    sys.argv[1:] = []
    throughput.main()
    overhead.main()
    gateway.main()
    streams.main()
