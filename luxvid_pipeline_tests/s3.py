"""A real S3 server in its own process on loopback, spoken to over HTTP as users of boto3 have it.

Belongs here: starting it, the environment that leads boto3, s3fs and LuxVid to it, making it check credentials.
Does not belong here: claims, buckets of a single test.

The process ends when its standard input closes, so none is left behind by a killed test run.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
import httpx

REGION = "us-east-1"
_SERVE = """
import json, sys
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
for line in sys.stdin:
    wanted = json.loads(line)
    for key in wanted["keys"]:
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(wanted["bucket"], key, key.encode())
    print("filled", flush=True)
"""
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class S3Server:
    """``with S3Server() as server``: boto3 finds it through ``server.environment``.

    Attributes:
        url: Where it answers.
    """

    def __init__(self) -> None:
        self.url = ""
        self._keys = ("testing", "testing")
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "S3Server":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        port = self._process.stdout.readline().strip()
        if not port:
            self.__exit__()
            raise RuntimeError("the S3 server did not start; run the program in s3.py by hand to see why")
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 and s3fs read to find this server."""
        return {
            "AWS_ACCESS_KEY_ID": self._keys[0],
            "AWS_SECRET_ACCESS_KEY": self._keys[1],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str = "s3", *, environment: Mapping[str, str] | None = None) -> Any:
        """Return a boto3 client of this server, whatever the process's own environment says."""
        env = environment or self.environment
        return boto3.client(
            service,
            endpoint_url=env["AWS_ENDPOINT_URL"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            region_name=env["AWS_DEFAULT_REGION"],
        )

    def fill(self, bucket: str, keys: Sequence[str]) -> None:
        """Put an object under each key, its content the key; ten thousand take a second, over HTTP a minute."""
        self._process.stdin.write(json.dumps({"bucket": bucket, "keys": list(keys)}) + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def check_credentials(self) -> None:
        """From now on refuse every key but one newly made, which ``environment`` has from then on; for good.

        Start a server of your own for a test that needs this: buckets stay, keys handed out before do not work.
        """
        iam = self.client("iam")
        iam.create_user(UserName="luxvid")
        iam.put_user_policy(UserName="luxvid", PolicyName="everything", PolicyDocument=json.dumps(_EVERYTHING))
        made = iam.create_access_key(UserName="luxvid")["AccessKey"]
        self._keys = (made["AccessKeyId"], made["SecretAccessKey"])
        httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0").raise_for_status()
