"""Where the pictures of a request come from: the request, what its caller sent before, or their jobs."""

from dataclasses import dataclass

from service.bodies.inline import check_size, decode
from service.errors import InvalidImage, InvalidRequest
from service.requests import JobReference, Picture, PictureFile, UploadReference
from worker.jobs.errors import ImageNotFound, JobNotFound
from worker.jobs.images import ImageStore
from worker.jobs.job import Job
from worker.jobs.store import JobStore
from worker.jobs.uploads import UploadStore


@dataclass(frozen=True)
class PictureSources:
    """Finds the files of pictures for one caller."""

    jobs: JobStore
    uploads: UploadStore
    images: ImageStore
    #: Whose jobs and uploads may be named; others do not exist for them.
    owner: str
    #: Of a file that comes with a request.
    max_bytes: int

    def load(self, picture: Picture, param: str) -> bytes:
        """The file of the picture in the field `param`.

        Raises InvalidImage, PayloadTooLarge, StoreUnavailable, and InvalidRequest for a reference to nothing.
        """
        match picture:
            case PictureFile(content=content):
                return check_size(content, param, self.max_bytes)
            case UploadReference(upload=upload_id):
                return self._find_upload(upload_id, param)
            case JobReference(job=job_id, index=index):
                return self._find_output(job_id, index, param)
        return decode(picture, param, self.max_bytes)

    def _find_upload(self, upload_id: str, param: str) -> bytes:
        try:
            upload = self.uploads.find(upload_id)
        except ImageNotFound as error:
            raise _no_upload(param, upload_id) from error
        if upload.owner != self.owner:
            raise _no_upload(param, upload_id)
        return self._read(upload.key, param)

    def _find_output(self, job_id: str, index: int, param: str) -> bytes:
        job = self._find_job(job_id, param)
        for output in job.outputs:
            if output.index == index:
                return self._read(output.key, param)
        has = f"has {len(job.outputs)} pictures and is {job.status}"
        raise InvalidRequest(f"{param} names picture {index} of job {job_id}, which {has}", param=param)

    def _find_job(self, job_id: str, param: str) -> Job:
        try:
            job = self.jobs.get(job_id)
        except JobNotFound as error:
            raise _no_job(param, job_id) from error
        if job.owner != self.owner:
            raise _no_job(param, job_id)
        return job

    def _read(self, key: str, param: str) -> bytes:
        try:
            return self.images.get(key)
        except ImageNotFound as error:
            raise InvalidImage(param, "is no longer kept") from error


def _no_upload(param: str, upload_id: str) -> InvalidRequest:
    return InvalidRequest(f"{param} names upload {upload_id!r}, but there is none", param=param)


def _no_job(param: str, job_id: str) -> InvalidRequest:
    return InvalidRequest(f"{param} names job {job_id!r}, but there is none", param=param)
