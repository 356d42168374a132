"""The calls of the image store, where packages are uploaded, as a table. No I/O."""

from __future__ import annotations

from airflow_provider_sf.rest.protocol import Call

_PAGES = "https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-"

IMAGE_STORE_ROOT = Call("/ImageStore", "6.0", f"{_PAGES}getimagestorerootcontent")
IMAGE_STORE_CONTENT = Call("/ImageStore/{contentPath}", "6.2", f"{_PAGES}getimagestorecontent")
UPLOAD_FILE = Call("/ImageStore/{contentPath}", "6.0", f"{_PAGES}uploadfile", method="PUT")
DELETE_CONTENT = Call("/ImageStore/{contentPath}", "6.0", f"{_PAGES}deleteimagestorecontent", method="DELETE")
UPLOAD_CHUNK = Call(
    "/ImageStore/{contentPath}/$/UploadChunk", "6.0", f"{_PAGES}uploadfilechunk", method="PUT"
)
UPLOAD_SESSION = Call("/ImageStore/$/GetUploadSession", "6.0", f"{_PAGES}getimagestoreuploadsessionbyid")
COMMIT_UPLOAD_SESSION = Call(
    "/ImageStore/$/CommitUploadSession", "6.0", f"{_PAGES}commitimagestoreuploadsession", method="POST"
)
DELETE_UPLOAD_SESSION = Call(
    "/ImageStore/$/DeleteUploadSession", "6.0", f"{_PAGES}deleteimagestoreuploadsession", method="DELETE"
)
