"""The markers of a JPEG file (ITU-T T.81, annex B), as far as they tell what decoding it costs."""

import re

START_OF_SCAN = 0xDA
START_OF_IMAGE, END_OF_IMAGE = 0xD8, 0xD9
#: A marker that begins a segment, or the end; stuffed zeros and restarts are within the data of a scan.
_marker = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])").search


def has_more_scans(content: bytes, limit: int) -> bool:
    """Whether a decoder meets more than `limit` scans before the end of the picture."""
    num_scans, at = 0, 0
    while num_scans <= limit and (marker := _marker(content, at)):
        code, at = marker[1][0], marker.end()
        if code == END_OF_IMAGE:
            break
        num_scans += code == START_OF_SCAN
        # What is within a segment, such as a thumbnail, is skipped by its length.
        at += 0 if code == START_OF_IMAGE else int.from_bytes(content[at : at + 2])
    return num_scans > limit
