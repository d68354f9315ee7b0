#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts a pod of one container in containerd, as the kubelet does: by the Container Runtime Interface.

usage: containerd_pod.py SOCKET POD UID CONTAINER IMAGE HOST_FOLDER:FOLDER... -- COMMAND...

The pod is in the namespace `test` and shares the host's network. Prints the id of the container, and removes the pod when its input
ends. Needs python3-grpcio. Messages: k8s.io/cri-api, pkg/apis/runtime/v1/api.proto.
"""
import sys

import grpc

TIMEOUT_SECONDS = 60
NODE = 2  # enum NamespaceMode
LENGTH_DELIMITED = 2  # protobuf.dev/programming-guides/encoding


def varint(number):
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(data + bytes([number]))


def message(**fields):
    """A message of protobuf. fN: a number, a text, a message, or a list of these."""
    data = b""
    for name, values in fields.items():
        number = int(name[1:])
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                data += varint(number << 3) + varint(value)
            else:
                payload = value.encode() if isinstance(value, str) else value
                data += varint(number << 3 | LENGTH_DELIMITED) + varint(len(payload)) + payload
    return data


def only_text(data):
    """Of a message that is nothing but a short text as field 1."""
    if data[0] != 1 << 3 | LENGTH_DELIMITED or data[1] != len(data) - 2:
        raise ValueError("not what was expected: %r" % data)
    return data[2:].decode()


def main(arguments):
    split = arguments.index("--")
    socket, pod, uid, name, image = arguments[:5]
    folders, command = arguments[5:split], arguments[split + 1 :]
    with grpc.insecure_channel("unix:" + socket) as channel:

        def call(method, **fields):
            function = channel.unary_unary("/runtime.v1.RuntimeService/" + method)
            return function(message(**fields), timeout=TIMEOUT_SECONDS, wait_for_ready=True)

        labels = [message(f1="io.kubernetes.pod.name", f2=pod), message(f1="io.kubernetes.pod.namespace", f2="test")]
        linux = message(f1="/kubepods/pod" + uid, f2=message(f1=message(f1=NODE)))
        config = message(f1=message(f1=pod, f2=uid, f3="test"), f3="/tmp", f6=labels, f8=linux)
        sandbox = only_text(call("RunPodSandbox", f1=config))
        try:
            mounts = [message(f1=folder.split(":")[1], f2=folder.split(":")[0], f3=1) for folder in folders]
            container = message(f1=message(f1=name), f2=message(f1=image), f3=command, f7=mounts, f9=labels)
            identity = only_text(call("CreateContainer", f1=sandbox, f2=container, f3=config))
            call("StartContainer", f1=identity)
            print(identity, flush=True)
            sys.stdin.read()
        finally:
            call("StopPodSandbox", f1=sandbox)
            call("RemovePodSandbox", f1=sandbox)


if __name__ == "__main__":
    main(sys.argv[1:])
