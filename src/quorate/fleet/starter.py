"""The commented starter that `quorate init` writes: a fleet file and one compose file."""

from __future__ import annotations

FLEET = """\
# A Quorate fleet: your servers, and the compose files that run on them.
#   quorate check   finds everything that is wrong, with its line
#   quorate plan    decides where each service lives, and says why
#   quorate up      makes it so
# Editors: `quorate schema fleet` prints the JSON Schema of this file.
version: 1
name: my-fleet

# The key is the host name, as `hostname` prints it on the server.
# Three managers survive the loss of any one of them; two survive none.
servers:
  server-a:
    address: 192.0.2.11 # an address the other servers reach
    role: manager
    cpus: 8 # what `nproc` prints
    memory: 16GiB # what `free -h` shows
    # ssh: {user: ops, port: 22}     # else your own ssh configuration decides
    # disks: [{name: system, size: 500G, kind: nvme, mount: /}]
    # labels: {zone: left}           # Swarm node labels
    # reserved:                      # what runs there outside Swarm
    #   - {name: NFS server, memory: 512M, cpus: 0.1}
  server-b:
    address: 192.0.2.12
    role: manager
    cpus: 8
    memory: 16GiB
  server-c:
    address: 192.0.2.13
    role: manager
    cpus: 4
    memory: 8GiB

# Each stack is one compose file or several; paths start here.
stacks:
  web:
    files: [web.yaml]
    class: production # workload class of its services
  # mail:                            # a stack that Swarm cannot run stays
  #   files: [mailcow.yaml]          # under docker compose on one server
  #   engine: compose
  #   server: server-b

policy:
  survive: 1 # server losses after which all that may move still fits
  recovery_target: 60s
  headroom: {memory: 10%}
  # isolation: [{spiky: ci, away_from: production}]

# Where the values of secrets come from: file, environment or command.
# secrets:
#   db_password: {file: ~/.secrets/db_password}
"""

COMPOSE = """\
# An ordinary compose file. `x-quorate` says what compose has no word for;
# docker compose and docker stack deploy skip it.
services:
  web:
    image: nginx:1.27.3
    ports:
      - "80:80" # ingress mode: every server answers
    healthcheck:
      test: [CMD, curl, -fsS, "http://localhost/"]
      interval: 10s
      timeout: 3s
    deploy:
      replicas: 2
      placement:
        max_replicas_per_node: 1
      resources:
        reservations: {memory: 64M, cpus: "0.05"}
        limits: {memory: 256M}
    x-quorate:
      state: none
      needs: [cache] # what it cannot answer without

  cache:
    image: redis:7.4.1
    command: [redis-server, --save, ""]
    healthcheck:
      test: [CMD, redis-cli, ping]
      interval: 10s
    deploy:
      resources:
        reservations: {memory: 64M, cpus: "0.05"}
        limits: {memory: 128M}
    x-quorate:
      state: cache # starts empty elsewhere, and that is fine
      # pin: server-a                # for data on a local volume
      # load: {memory: 64M, memory_peak: 128M, cpu: 0.05}
"""

FILES = {"fleet.yaml": FLEET, "web.yaml": COMPOSE}
"""File name → content."""
