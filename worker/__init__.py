"""The worker: takes jobs from the queue and makes their pictures, many at a time on one device."""
