#!/bin/sh
# Prints a demo value for the secret named $1: 32 hexadecimal digits, always the
# same for the same name. NOT a secret: anybody can compute it. Demo only.
set -eu
printf 'quorate office demo: %s' "${1:?the name of the secret}" | sha256sum | cut -c 1-32
